"""What the demo model is taught: scenes, captions, token rows, the judge. No emoji font is needed: shapes stand in."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from training.demo_model.captions import CaptionEncoder
from training.demo_model.classify import NearestConcept
from training.demo_model.concepts import Concept, Vocabulary, load_vocabulary
from training.demo_model.linear_latents import fit
from training.demo_model.scenes import TAILS, WHITE, Renderer, Scene, draw_scene, with_article
from training.demo_model.setting import find_merges
from training.demo_model.tokens import END, START, Tokenizer, read_merges

SIDE = 136


def shape_bitmaps() -> list[np.ndarray]:
    """A red disc, a green square, a blue bar: RGBA, clear outside."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    masks = [x**2 + y**2 < 60**2, (abs(x) < 50) & (abs(y) < 50), (abs(x) < 60) & (abs(y) < 20)]
    colors = [(220, 20, 20), (20, 200, 20), (30, 30, 230)]
    bitmaps = []
    for mask, color in zip(masks, colors, strict=True):
        bitmap = np.zeros((SIDE, SIDE, 4), np.uint8)
        bitmap[mask] = (*color, 255)
        bitmaps.append(bitmap)
    return bitmaps


@pytest.fixture(scope="module")
def shapes() -> Vocabulary:
    listed = load_vocabulary()
    things = tuple(Concept(name, (i,), ()) for i, name in enumerate(("disc", "square", "bar")))
    return Vocabulary(things, listed.background_names, listed.background_rgb)


@pytest.fixture(scope="module")
def captions() -> CaptionEncoder:
    return CaptionEncoder(
        load_vocabulary(), Tokenizer(read_merges(find_merges(Path("training/demo_model/state"))))
    )


def test_list_holds_48_things_and_12_backgrounds_without_doubles():
    listed = load_vocabulary()
    names = [name for concept in listed.concepts for name in (concept.name, *concept.aliases)]
    assert len(listed.concepts) == 48
    assert len(listed.background_names) == 12
    assert len(set(names)) == len(names)
    assert len({concept.code_points for concept in listed.concepts}) == 48
    assert listed.background_rgb[WHITE] == (255, 255, 255)


def test_same_seed_draws_and_paints_the_same_scenes(shapes: Vocabulary):
    pages = []
    for _ in range(2):
        rng, renderer = random.Random(4), Renderer(shapes, shape_bitmaps())
        scenes = [draw_scene(shapes, rng) for _ in range(6)]
        pages.append((scenes, renderer(scenes, 64, 64)))
    assert pages[0][0] == pages[1][0]
    assert torch.equal(pages[0][1], pages[1][1])
    assert [s.caption for s in pages[0][0]] != [draw_scene(shapes, random.Random(5)).caption] * 6


def test_painted_background_and_thing_have_their_colours_and_places(shapes: Vocabulary):
    blue = shapes.background_names.index("blue")
    scene = Scene(0, blue, 0.27, 0.5, 0.45, 0.0, 2, "")
    picture = (Renderer(shapes, shape_bitmaps())([scene], 64, 96)[0] + 1) * 127.5
    assert torch.allclose(picture[:, 2, 90], torch.tensor(shapes.background_rgb[blue]).float(), atol=1.0)
    assert torch.allclose(picture[:, 32, 26], torch.tensor((220.0, 20.0, 20.0)), atol=2.0)


def test_every_caption_decides_the_background():
    listed, rng = load_vocabulary(), random.Random(0)
    endings = {
        with_article(tail.format(b=name)): i
        for tail in TAILS
        for i, name in enumerate(listed.background_names)
    }
    for _ in range(400):
        scene = draw_scene(listed, rng)
        named = [i for ending, i in endings.items() if scene.caption.endswith(ending)]
        assert named == [scene.background] or (named == [] and scene.background == WHITE)
        assert "  " not in scene.caption
        assert " a a" not in f" {scene.caption}"


def test_caption_becomes_start_words_ends_and_all_its_words_are_known(captions: CaptionEncoder):
    ids = captions.tokenizer("a photo of a cat")
    assert ids[:7] == [START, 320, 1125, 539, 320, 2368, END]
    assert ids[7:] == [END] * 70
    rng, listed = random.Random(1), load_vocabulary()
    rows = captions.plain([draw_scene(listed, rng).caption for _ in range(300)])
    assert rows.shape == (300, 77)
    assert int(rows.min()) > 0


def test_unknown_words_take_the_zero_row_and_long_captions_are_cut(captions: CaptionEncoder):
    rows = captions.plain(["cat zyzzyva", "cat " * 200])
    assert 0 in rows[0].tolist()
    assert rows.shape == (2, 77)
    end = captions.row_map.rows[END]
    assert rows[1, -1] == end
    assert rows[1, -2] != end


def test_dropped_captions_say_nothing(captions: CaptionEncoder):
    rows = captions.roughened(["pizza"] * 300, random.Random(2), may_drop=True)
    pizza = captions.row_map.rows[captions.tokenizer.words("pizza")[0]]
    silent = (rows != pizza).all(dim=1).float().mean().item()
    assert 0.04 < silent < 0.18  # one in ten; three sigmas either way at 300 draws


def test_judge_names_things_and_backgrounds_of_painted_scenes(shapes: Vocabulary):
    renderer, rng = Renderer(shapes, shape_bitmaps()), random.Random(3)
    judge = NearestConcept(shapes, renderer)
    scenes = [s for s in (draw_scene(shapes, rng) for _ in range(40)) if s.place == 0]
    pictures = renderer(scenes, 128, 128)
    assert judge.concepts(pictures).tolist() == [s.concept for s in scenes]
    assert judge.backgrounds(pictures).tolist() == [s.background for s in scenes]


def test_closed_form_latents_are_white_and_come_back(shapes: Vocabulary):
    renderer, rng = Renderer(shapes, shape_bitmaps()), random.Random(6)
    pictures = renderer([draw_scene(shapes, rng) for _ in range(24)], 64, 64)
    space, quality = fit([pictures], rng)
    latents = space.encode(pictures)
    flat = latents.permute(0, 2, 3, 1).reshape(-1, 4)
    assert torch.allclose(torch.cov(flat.T), torch.eye(4), atol=0.02)
    error = (space.decode(latents) - pictures).pow(2).mean()
    assert quality["linear_psnr_db"] > 15
    assert -10 * torch.log10(error / 4) == pytest.approx(quality["linear_psnr_db"], abs=0.01)
