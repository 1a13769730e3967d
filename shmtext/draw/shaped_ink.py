"""Which characters of a shaped text leave no ink, tried out with Raqm: alone, and as they join.

Shaping puts other glyphs in the place of those that a font maps characters to, and some of these
are empty: letters without a medial form, a tatweel that is drawn by nobody. Marks, and letters that
only a syllable makes visible, are not judged here. Meant for texts that are drawn one by one.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from shmtext.draw.characters import CharacterTable, needs_shaping
from shmtext.draw.faces import Faces, has_ink, open_face

JOINER = "\u200d"
FORMS = ("{}", "{}" + JOINER, JOINER + "{}" + JOINER, JOINER + "{}")
"""A letter isolated, initial, medial, final: a joiner beside it asks for that (Unicode 9.2)."""

FORMS_SIZE_PX = 100
"""At which forms are tried; whether a form is there at all does not hang on the size."""


class ShapedInk:
    """What was found out about characters so far, by font and by face."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        self._has_forms: dict[tuple[int, str], bool] = {}
        """By font: whether all forms of a letter leave ink."""
        self._is_inked: dict[tuple[int, str], bool] = {}
        """By face."""

    def inkless(
        self, face_id: int, characters: NDArray[np.int32], table: CharacterTable
    ) -> NDArray[np.int32]:
        """Those of some characters that should leave ink in a face, and may leave none."""
        characters = np.unique(characters)
        characters = characters[~table.is_blank[characters]]
        seen = [self._is_seen(face_id, chr(each)) for each in table.code_points[characters]]
        return characters[~np.array(seen, np.bool_)]

    def _is_seen(self, face_id: int, character: str) -> bool:
        joins = unicodedata.bidirectional(character) in ("R", "AL")
        if unicodedata.category(character)[0] == "M" or (needs_shaping(character) and not joins):
            return True
        key = face_id, character
        if key not in self._is_inked:
            face = self._faces.get(face_id, shaping=True)
            self._is_inked[key] = has_ink(face.getmask(character, mode="L"))
        return self._is_inked[key] and (not joins or self._all_forms(face_id, character))

    def _all_forms(self, face_id: int, character: str) -> bool:
        if unicodedata.category(character)[0] != "L":
            return True
        key = face_id // len(self._faces.sizes_px), character
        if key not in self._has_forms:
            font, _ = self._faces.font_and_size(face_id)
            face = open_face(font, FORMS_SIZE_PX, shaping=True)
            masks = [face.getmask(form.format(character), mode="L") for form in FORMS]
            self._has_forms[key] = all(map(has_ink, masks))
        return self._has_forms[key]
