"""What the report of Snakemake shows: the answer that it opens on, and pages of results as HTML."""
