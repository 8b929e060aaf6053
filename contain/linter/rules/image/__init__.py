"""Rules of the families IMG, LAY, CNV and DAR: OCI images."""
