"""The archive of a budget's studies: everything that is needed to check and to reuse them, in one ZIP file."""
