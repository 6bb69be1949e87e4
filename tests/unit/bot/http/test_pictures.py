"""People's pictures: fetched once, known by their content, small before anything is decoded."""

from __future__ import annotations

import asyncio
import io
import random
import resource
import struct
import time
import zlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientTimeout
from PIL import Image
from structlog.testing import capture_logs

from bot.domain.pictures import MAX_JPEG_BYTES, MAX_SIDE, Picture
from bot.http.outbound import OutboundClient
from bot.http.picture_scaling import PictureError, PictureProblem, scaled_picture
from bot.http.pictures import PictureFetcher
from tests.support.raw_http import Wire, free_port, http, wire


def drawn(
    kind: str, size: tuple[int, int] = (40, 30), color: str = "red", **options: object
) -> bytes:
    mode = "RGBA" if kind in {"PNG", "WEBP"} else "RGB"
    written = io.BytesIO()
    Image.new(mode, size, color).save(written, kind, **options)
    return written.getvalue()


def looked_at(picture: Picture) -> Image.Image:
    assert picture.content.startswith(b"\xff\xd8\xff")
    image = Image.open(io.BytesIO(picture.content), formats=["JPEG"])
    assert image.size == (picture.width, picture.height)
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    zeros = zlib.compress(bytes(2_000_000), 9)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zeros), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_known_type_becomes_a_jpeg(kind: str) -> None:
    picture = scaled_picture(drawn(kind))
    red, green, blue = looked_at(picture).convert("RGB").getpixel((20, 15))  # type: ignore[misc]
    assert red > 200 > green + 100
    assert blue < 100


def test_a_large_picture_is_scaled_in_proportion() -> None:
    picture = scaled_picture(drawn("JPEG", (4000, 3000)))
    assert (picture.width, picture.height) == (MAX_SIDE, MAX_SIDE * 3 // 4)


def test_noise_is_made_small_enough_too() -> None:
    noise = Image.frombytes("RGB", (1500, 1500), random.Random(7).randbytes(1500 * 1500 * 3))
    written = io.BytesIO()
    noise.save(written, "PNG")
    picture = scaled_picture(written.getvalue())
    assert len(picture.content) <= MAX_JPEG_BYTES
    assert looked_at(picture).size[0] >= 512


def test_a_small_picture_is_not_blown_up() -> None:
    assert scaled_picture(drawn("PNG", (3, 2))).width == 3


def test_transparency_becomes_white() -> None:
    picture = scaled_picture(drawn("PNG", color="#00000000"))
    assert looked_at(picture).getpixel((1, 1)) == (255, 255, 255)


def test_the_first_frame_stands_for_an_animation() -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue", "blue")]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])
    red, _, blue = looked_at(scaled_picture(written.getvalue())).getpixel((10, 10))  # type: ignore[misc]
    assert red > blue


def test_the_place_and_the_camera_are_left_out_and_the_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right
    exif[0x010F] = "Camera"
    picture = scaled_picture(drawn("JPEG", (40, 30), exif=exif.tobytes()))
    assert (picture.width, picture.height) == (30, 40)
    assert b"Camera" not in picture.content
    assert not looked_at(picture).getexif()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html>",
        b"BM" + bytes(100),
        b"II*\x00" + bytes(100),
        b"%PDF-1.7",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"RIFF\x00\x00\x00\x00WAVE" + bytes(100),
        drawn("PNG")[:60],
        drawn("JPEG", (400, 400))[:300],
        b"\xff\xd8\xff" + drawn("PNG"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PictureError) as refused:
        scaled_picture(content)
    assert refused.value.problem is PictureProblem.UNREADABLE


def test_a_photo_of_many_passes_is_refused_before_it_is_decoded() -> None:
    photo = drawn("JPEG", (4000, 3000), progressive=True)
    last = photo.rindex(b"\xff\xda")
    assert scaled_picture(photo)
    many = photo[:last] + photo[last:-2] * 2000 + b"\xff\xd9"
    started = time.process_time()
    with pytest.raises(PictureError) as refused:
        scaled_picture(many)
    assert refused.value.problem is PictureProblem.TOO_LARGE
    assert time.process_time() - started < 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_is_unpacked_whole_may_have_fewer_pixels(kind: str) -> None:
    with pytest.raises(PictureError) as refused:
        scaled_picture(drawn(kind, (5000, 5000)))
    assert refused.value.problem is PictureProblem.TOO_LARGE


@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    bomb = png_header(*size)
    assert len(bomb) < 10_000
    began = time.process_time()
    with pytest.raises(PictureError) as refused:
        scaled_picture(bomb)
    assert refused.value.problem is PictureProblem.TOO_LARGE
    assert time.process_time() - began < 0.2


# --- fetching ---


@pytest.fixture
async def outbound() -> AsyncIterator[OutboundClient]:
    async with OutboundClient() as client:
        yield client


def fetcher(outbound: OutboundClient, server: Wire, *, max_bytes: int = 100_000) -> PictureFetcher:
    return PictureFetcher(
        outbound, [server.origin], max_bytes=max_bytes, limits=ClientTimeout(total=0.5)
    )


async def problem(fetching: PictureFetcher, url: str) -> PictureProblem:
    with pytest.raises(PictureError) as refused:
        await fetching.fetch(url)
    return refused.value.problem


async def test_a_picture_is_fetched_as_its_address_is_spelled(
    outbound: OutboundClient,
) -> None:
    async with wire(http(200, drawn("PNG"), Content_Type="text/html")) as server:
        picture = await fetcher(outbound, server).fetch(f"{server.origin}/dn/a%2Fb?credential=%7E")
    assert (picture.width, picture.height) == (40, 30)
    assert server.targets == ["/dn/a%2Fb?credential=%7E"]
    assert server.heads[0].startswith(b"GET ")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (http(302, Location="http://127.0.0.1/"), PictureProblem.FOREIGN),
        (http(403), PictureProblem.EXPIRED),
        (http(404), PictureProblem.EXPIRED),
        (http(410), PictureProblem.EXPIRED),
        (http(500), PictureProblem.UNREACHABLE),
        (b"", PictureProblem.UNREACHABLE),
        (http(200, bytes(100_001)), PictureProblem.TOO_LARGE),
        (http(200, "<html>", Content_Type="image/png"), PictureProblem.UNREADABLE),
    ],
)
async def test_a_picture_that_cannot_be_had_has_its_reason(
    outbound: OutboundClient, reply: bytes, expected: PictureProblem
) -> None:
    async with wire(reply) as server:
        assert await problem(fetcher(outbound, server), f"{server.origin}/x") is expected
    # aiohttp itself repeats a GET whose connection broke.
    assert len(server.heads) == (1 if reply else 2)


async def test_a_slow_server_is_not_waited_for(outbound: OutboundClient) -> None:
    async with wire(http(200, drawn("PNG"))) as server:
        server.delay_s = 5
        found = await problem(fetcher(outbound, server), f"{server.origin}/x")
    assert found is PictureProblem.UNREACHABLE


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x.png",
        "https://talk.kakaocdn.net.evil.example/x",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "https://user@talk.kakaocdn.net/x",
        "file:///etc/passwd",
        "",
    ],
)
async def test_only_allowed_hosts_are_asked(outbound: OutboundClient, url: str) -> None:
    fetching = PictureFetcher(outbound, [".kakaocdn.net"])
    with capture_logs() as logs:
        assert await problem(fetching, url) is PictureProblem.FOREIGN
    assert "latest" not in str(logs)
    assert "not allowed" in logs[0]["reason"]


async def test_a_dead_port_is_unreachable(outbound: OutboundClient) -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    assert await problem(PictureFetcher(outbound, [origin]), f"{origin}/x") is (
        PictureProblem.UNREACHABLE
    )


async def test_the_loop_goes_on_while_a_picture_is_decoded(outbound: OutboundClient) -> None:
    async with wire(http(200, drawn("PNG", (4800, 4800)))) as server:
        fetching = PictureFetcher(outbound, [server.origin], limits=ClientTimeout(total=5))
        task = asyncio.create_task(fetching.fetch(f"{server.origin}/x"))
        beats = 0
        while not task.done():
            await asyncio.sleep(0.005)
            beats += 1
    assert (await task).width == MAX_SIDE
    assert beats > 3


# --- what files claim, and what they are ---


def many_frames(kind: str, count: int) -> bytes:
    """The first frame is red, all others are blue."""
    frames = [Image.new("RGB", (64, 64), "red"), *[Image.new("RGB", (64, 64), "blue")] * count]
    for number, frame in enumerate(frames[1:]):
        frame.putpixel((number % 64, number // 64 % 64), (number % 256, 0, 200))
    written = io.BytesIO()
    frames[0].save(written, kind, save_all=True, append_images=frames[1:], lossless=True)
    return written.getvalue()


def with_chunk(name: bytes, data: bytes) -> bytes:
    """A small PNG with one more chunk behind its header."""
    png = drawn("PNG")
    end = 8 + 4 + 4 + 13 + 4
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return png[:end] + chunk + png[end:]


def lying_png(width: int, height: int) -> bytes:
    """A PNG of 40x30 pixels that says another size."""
    png = drawn("PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def lying_jpeg(width: int, height: int) -> bytes:
    """A JPEG of 40x30 pixels that says another size."""
    jpeg = bytearray(drawn("JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(jpeg)


MANY_ZEROS = zlib.compress(bytes(60_000_000), 9)

BOMBS = {
    "a PNG larger than it is": (lying_png(60_000, 60_000), PictureProblem.TOO_LARGE),
    "a PNG a little larger than it is": (lying_png(400, 300), PictureProblem.UNREADABLE),
    "a JPEG larger than it is": (lying_jpeg(65_000, 65_000), PictureProblem.TOO_LARGE),
    "a PNG without pixels": (lying_png(0, 30), PictureProblem.UNREADABLE),
    "a PNG that is one line": (png_header(50_000_000, 1), PictureProblem.TOO_LARGE),
    "a PNG with a text that unpacks": (
        with_chunk(b"zTXt", b"Comment\0\0" + MANY_ZEROS),
        PictureProblem.UNREADABLE,
    ),
    "half a JPEG": (drawn("JPEG", (800, 600))[:2000], PictureProblem.UNREADABLE),
    "half a WebP": (drawn("WEBP", (800, 600))[:60], PictureProblem.UNREADABLE),
    "half a PNG": (drawn("PNG", (800, 600))[:-60], PictureProblem.UNREADABLE),
    "a WebP of the largest size": (
        b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10)
        + bytes(4) + b"\xff\xff\xff" * 2,
        PictureProblem.TOO_LARGE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_claims_what_it_is_not_is_refused_with_little_work(name: str) -> None:
    content, problem = BOMBS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(PictureError) as refused:
        scaled_picture(content)
    assert refused.value.problem is problem
    assert time.process_time() - began < 2
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 300_000


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_hundreds_of_frames_only_the_first_is_decoded(kind: str) -> None:
    red, _, blue = looked_at(scaled_picture(many_frames(kind, 300))).getpixel((30, 30))  # type: ignore[misc]
    assert red > blue


@pytest.mark.parametrize("name", ["tEXt", "eXIf"])
def test_what_else_a_file_carries_does_not_come_along(name: str) -> None:
    secret = b"Comment\0the place it was taken at"
    picture = scaled_picture(with_chunk(name.encode(), secret))
    assert b"the place" not in picture.content
    jfif = {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert looked_at(picture).info.keys() <= jfif
