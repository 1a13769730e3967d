"""One example drawn by itself: to have it again, or only to see whether that goes well.

The bytes are those that a run stores: what is beside an example has no say in them.
"""

from __future__ import annotations

from shmtext.dataset.folder import FileBytes
from shmtext.draw.encode import encoder
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.texts import ShardTexts
from shmtext.engine.shards import UNWATCHED, Watch, draw_shard


def render_example(
    maker: PictureMaker, texts: ShardTexts, example: int, watch: Watch = UNWATCHED
) -> FileBytes | None:
    """Draw and encode the only one of ``texts``, this example; None where it can't be drawn.

    What drawing or encoding raises comes through.
    """
    encode = encoder(maker.settings.output)
    for batch in draw_shard(maker, texts, example, watch):
        watch.about_to_draw(example)
        return encode(batch.pictures[0])
    return None
