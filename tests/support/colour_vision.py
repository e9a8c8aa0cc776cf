"""How far apart colours look to readers with each kind of colour vision.

Colour blindness is simulated as in Machado, Oliveira and Fernandes (2009), A Physiologically-based Model for Simulation
of Color Vision Deficiency, IEEE Transactions on Visualization and Computer Graphics 15(6), with the matrices for its
full severity. Distances are those of CIELAB (CIE 1976); two colours side by side are told apart from about 2.3 on, and
small marks on a page need several times that.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy

VISIONS = {
    "usual": numpy.eye(3),
    "protanopia": numpy.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": numpy.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": numpy.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""What each kind of colour vision makes of a colour: a matrix of linear sRGB."""

TO_XYZ = numpy.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)


def nearest(colours: Sequence[str], vision: str) -> tuple[float, str, str]:
    """Return the distance of the two of some colours, such as ``#0072B2``, that look most alike, and these two."""
    places = {colour: _lab(VISIONS[vision] @ _linear(colour)) for colour in colours}
    return min(
        (float(numpy.linalg.norm(places[one] - places[other])), one, other)
        for one, other in itertools.combinations(colours, 2)
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted(float(TO_XYZ[1] @ _linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _linear(colour: str) -> numpy.ndarray:
    """Return a colour of sRGB as three linear intensities from 0 to 1."""
    levels = numpy.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return numpy.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _lab(linear: numpy.ndarray) -> numpy.ndarray:
    """Return linear intensities as lightness and two opponent colours."""
    ratios = TO_XYZ @ numpy.clip(linear, 0, 1) / WHITE
    x, y, z = numpy.where(ratios > 216 / 24389, numpy.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return numpy.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
