"""The explorer: one page that holds the runs and the small networks themselves, and opens without a network."""
