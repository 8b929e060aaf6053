"""LAY1: layer archives, and advice about them (SEC6). Each layer is read once, as a stream; rules look at what was noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.linter.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.layers import Layers

    Found = Iterator[tuple[str, str, str]]


def _told(layers: Layers, word: str, text: str) -> Found:
    """One finding a layer for a list of names that were noted."""
    for layer in layers:
        names = layer.notes.get(word)
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield layer.document, layer.pointer, text.format(f"{names[0][:80]}{more}")


@rule
def no_tar(layers: Layers) -> Found:
    """LAY101 layer-archive: a layer is a tar archive, compressed as its media type says.

    section: layer.md / Distributable Format
    rows: IY01
    """
    for layer in layers:
        if layer.error:
            yield layer.document, layer.pointer, layer.error


@rule
def repeated(layers: Layers) -> Found:
    """LAY102 layer-entry-twice: a path is in a layer once.

    section: layer.md / Distributable Format
    rows: IY02
    """
    return _told(layers, "repeated", "{} is in the layer twice")


@rule
def sparse(layers: Layers) -> Found:
    """LAY103 layer-sparse: a layer has no sparse files.

    Few readers know them.

    section: layer.md / File Attributes
    severity: warning
    rows: IY03
    """
    return _told(layers, "sparse", "{} is a sparse file")


@rule
def whiteout_content(layers: Layers) -> Found:
    """LAY104 whiteout-content: a whiteout is an empty file.

    section: layer.md / Whiteouts
    rows: IY04
    """
    return _told(layers, "whiteout", "{} is a whiteout and no empty file")


@rule
def bare_whiteout(layers: Layers) -> Found:
    """LAY105 whiteout-bare: a whiteout names what it hides.

    `.wh.` alone hides the folder itself, or nothing.

    section: layer.md / Whiteouts
    rows: IY05
    """
    return _told(layers, "bare", "{} hides nothing")


@rule
def hidden_again(layers: Layers) -> Found:
    """LAY106 whiteout-of-same-layer: a layer does not bring what it hides.

    Whiteouts are about lower layers; readers differ on the file beside one.

    section: layer.md / Whiteouts
    severity: warning
    rows: IY06 IY07
    """
    return _told(layers, "again", "{} is hidden and brought by the same layer")


@rule
def opaque(layers: Layers) -> Found:
    """LAY107 whiteout-opaque: explicit whiteouts are preferred.

    section: layer.md / Opaque Whiteout
    severity: info
    rows: IY08
    """
    return _told(layers, "opaque", "{}: explicit whiteouts are preferred")


@rule
def escapes(layers: Layers) -> Found:
    """LAY108 layer-escape: no path of a layer leads out of it.

    Absolute names, `..`, and hard links to such: a careless reader writes to the host.

    section: layer.md / Change Types
    rows: IY09 IY10
    """
    return _told(layers, "escape", "{} leads out of the root file system")


@rule
def diff_ids(layers: Layers) -> Found:
    """LAY109 diff-id: a diff_id of the config is the digest of the layer as it is before it is compressed.

    It names the layer wherever it is unpacked: engines find it by that, or refuse the image. Layers of zstd are read where Python can (3.14, or
    `contain[zstd]`).

    section: image config.md / Layer DiffID
    rows: IC22
    """
    for one in layers.wanted:
        layer = layers.by_blob.get(one.blob)
        algorithm, _, encoded = one.digest.partition(":")
        real = layer.digests.get(algorithm, "") if layer is not None else ""
        if real and real != encoded:
            yield one.document, one.pointer, f"the layer {one.blob.rpartition('/')[2][:12]}… unpacks to {algorithm}:{real}"


@rule
def special(layers: Layers) -> Found:
    """SEC606 layer-special-files: layers hold no device nodes.

    section: advice
    severity: warning
    rows: SEC49 IY12
    """
    return _told(layers, "device", "{} is a device node")


@rule
def set_uid(layers: Layers) -> Found:
    """SEC607 layer-set-uid: programs of an image change no user.

    Each set-uid program is a way to root for who breaks in; noNewPrivileges makes them powerless.

    section: advice
    severity: info
    rows: SEC49 IY12
    """
    return _told(layers, "setuid", "{} changes the user or group")


@rule
def bomb(layers: Layers) -> Found:
    """SEC608 layer-bomb: a layer unpacks to at most 200 times its size, and has at most a million entries.

    section: advice
    rows: SEC52
    """
    return _told(layers, "bomb", "{}")


@rule
def heavy(layers: Layers) -> Found:
    """SEC609 layer-size: a layer is neither empty nor larger than 1 GiB.

    section: advice
    severity: info
    rows: SEC51
    """
    for layer in layers:
        if layer.size > 1 << 30:
            yield layer.document, layer.pointer, "the layer is larger than 1 GiB"
        elif layer.size == 0:
            yield layer.document, layer.pointer, "the layer has no bytes"
