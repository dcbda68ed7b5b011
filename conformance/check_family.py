"""One architecture of one family: levels, probabilities and parameter counts, Cairn against the family's network."""

import numpy as np

import families
from cairn import classify, describe, extract_levels
from check_backbone import LEVELS, compare_levels
from compare import levels_with_same_bits, same_bits
from formats import save
from networks.output import Output
from results import PROBABILITY_BAR

SIDES = (224, 256)
LARGE_SIDE = 1024
SEED = 7
LEAST_CERTAINTY = 0.05
"""Probabilities flatter than this would say nothing."""


def check_family(results, scratch, family, architecture, quick):
    case = f"{family}/{architecture}"
    if not results.wants(case):
        return
    entry = families.FAMILIES[family]
    first, *others = entry.files[architecture]
    sides = SIDES[:1] if quick else SIDES if architecture != entry.large else (*SIDES, LARGE_SIDE)
    with results.case(case), scratch.folder() as folder:
        network = families.build(family, architecture)
        network.randomise(scratch.photo(SIDES[0])[1], SEED)
        asked = dict(model=f"{family}-{architecture}", weights=save(network, folder, first))

        expected = network.parameter_counts()
        found = describe(asked["model"], SIDES[0])["parameters"]
        results.check(f"{case} parameters", {name: found[name] for name in expected} == expected, str(found))
        outputs = {}
        for side in sides:
            image, pixels = scratch.photo(side)
            classes = entry.classes if side != LARGE_SIDE else None
            outputs[side] = run_cairn_on(image, folder, side, classes, **asked)
            reference = network.run(pixels, top=classes is not None)
            reference = reference._replace(levels={name: reference.levels[name] for name in LEVELS})
            worst = compare_outputs(results, f"{case}/{side}", outputs[side], reference)
            results.add_row("family", family=family, architecture=architecture, side=side, **worst)
        image, _ = scratch.photo(SIDES[0])
        for other in [] if quick else others:
            with results.case(f"{case} {other}"), scratch.folder() as folder:
                asked["weights"] = save(network, folder, other)
                again = run_cairn_on(image, folder, SIDES[0], entry.classes, **asked)
                results.check(f"{case} {other} gives the same bits", same_outputs(again, outputs[SIDES[0]]))


def run_cairn_on(image, folder, side, classes, **asked):
    levels = extract_levels(image, folder, levels=LEVELS, side=side, **asked)
    return Output(levels, None if classes is None else classify(image, side=side, classes=classes, **asked))


def compare_outputs(results, case, ours, reference):
    """{level: error ratio}, and under "top" the largest difference of a probability."""
    worst = compare_levels(results, case, ours.levels, reference.levels)
    if reference.probabilities is not None:
        difference = np.abs(ours.probabilities - reference.probabilities).max()
        worst["top"] = float(difference) if np.isfinite(difference) else np.inf
        results.check(f"{case} top", worst["top"] <= PROBABILITY_BAR, f"largest difference {worst['top']:.1e}")
        certainty = reference.probabilities.max()
        results.check(f"{case} one class stands out", certainty > LEAST_CERTAINTY, f"{certainty:.2f}")
    return worst


def same_outputs(a, b):
    same = levels_with_same_bits(a.levels, b.levels)
    return same and (a.probabilities is None or same_bits(a.probabilities, b.probabilities))
