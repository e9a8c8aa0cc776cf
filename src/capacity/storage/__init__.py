"""Files: written whole or not at all, sealed by a checksum, each with its provenance.

May import ``errors`` and ``experiment``. By contract nothing here does arithmetic on results, so a change here
retrains nothing.
"""
