"""Programs that make the documentation: the picture of the packages, and hooks for the site."""
