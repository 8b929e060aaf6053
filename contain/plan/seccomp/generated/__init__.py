"""The default seccomp filter as bytes, one module a native architecture; made by python -m contain.plan.seccomp.generate."""
