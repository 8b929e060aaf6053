"""Finds the static C program that executes plans, and starts it."""
