"""What a notebook loads: trained networks that can be asked, and the tables of all runs as data frames.

``import capacity`` offers all of it: :func:`capacity.load`, :func:`capacity.runs` and :func:`capacity.history`.
"""
