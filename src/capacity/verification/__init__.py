"""Whether results are what they say: every checksum, and where each file comes from, down to the code.

May import everything but ``commands``. Nothing here changes a file.
"""
