"""Every effect there is, in the order in which they are done.

A new one is its module and a line here. Of one kind, the order is that in which things happen in
the world.
"""

from __future__ import annotations

from shmtext.looks.blur import Blur
from shmtext.looks.border import Border
from shmtext.looks.colors import Colors
from shmtext.looks.curve import Curve
from shmtext.looks.dead_columns import DeadColumns
from shmtext.looks.defocus import Defocus
from shmtext.looks.dropout import Dropout
from shmtext.looks.effect import Effect
from shmtext.looks.elastic import Elastic
from shmtext.looks.fringes import Fringes
from shmtext.looks.glare import Glare
from shmtext.looks.gradient import Gradient
from shmtext.looks.ink_gradient import InkGradient
from shmtext.looks.ink_spread import InkSpread
from shmtext.looks.ink_texture import InkTexture
from shmtext.looks.jpeg import Jpeg
from shmtext.looks.margins import Margins
from shmtext.looks.motion import Motion
from shmtext.looks.neighbours import Neighbours
from shmtext.looks.noise import Noise
from shmtext.looks.perspective import Perspective
from shmtext.looks.photograph import Photograph
from shmtext.looks.pixelate import Pixelate
from shmtext.looks.resample import Resample
from shmtext.looks.rotation import Rotation
from shmtext.looks.ruled import Ruled
from shmtext.looks.salt_pepper import SaltPepper
from shmtext.looks.shading import Shading
from shmtext.looks.shadow import Shadow
from shmtext.looks.shear import Shear
from shmtext.looks.shot import Shot
from shmtext.looks.slant import Slant
from shmtext.looks.speckle import Speckle
from shmtext.looks.squared import Squared
from shmtext.looks.streaks import Streaks
from shmtext.looks.stretch import Stretch
from shmtext.looks.strike_through import StrikeThrough
from shmtext.looks.stroke import Stroke
from shmtext.looks.texture import Texture
from shmtext.looks.thermal import Thermal
from shmtext.looks.threshold import Threshold
from shmtext.looks.tone import Tone
from shmtext.looks.underline import Underline
from shmtext.looks.wave import Wave
from shmtext.looks.weight import Weight

EFFECTS: tuple[type[Effect], ...] = (
    # geometry: the frame, the type, its line, the camera
    Margins,
    Stretch,
    Slant,
    Elastic,
    Curve,
    Wave,
    Perspective,
    Shear,
    Rotation,
    # mask
    Weight,
    InkSpread,
    Dropout,
    Thermal,
    Underline,
    StrikeThrough,
    Neighbours,
    Border,
    # color
    Colors,
    # paper
    Photograph,
    Gradient,
    Texture,
    Ruled,
    Squared,
    Shadow,
    Stroke,
    # ink
    InkGradient,
    InkTexture,
    # optics: light on the page, then what a lens makes of it
    Shading,
    Glare,
    Defocus,
    Motion,
    Blur,
    # noise: of the scanner or printer, then of the sensor
    Streaks,
    Shot,
    Speckle,
    Noise,
    DeadColumns,
    SaltPepper,
    # tone
    Tone,
    # resample
    Fringes,
    Resample,
    Pixelate,
    # compress
    Jpeg,
    Threshold,
)

BY_NAME: dict[str, type[Effect]] = {effect.name(): effect for effect in EFFECTS}
