"""The definition of a comparison: recipes, which are the rows of a table."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config

from mmssod.apis.config import load_config

# What decides the figures of a run; where it starts from is the matrix's affair.
DECISIVE = (
    'model',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'default_hooks',
    'custom_hooks',
    'val_dataloader',
    'val_evaluator',
    'test_dataloader',
    'test_evaluator',
    'multi_phase',
)


@dataclass(frozen=True)
class Recipe:
    """One row of a table.

    Args:
        name: Row of the table; work directory and result file are called so, see :attr:`slug`.
        config: Config file.
        start: Name of the recipe whose last checkpoint it starts from; '' for the config's own start.
        labels: Name of the recipe whose memory of pseudo labels is its source ``pseudo`` (ISMT); '' for none.
        options: Values by dotted key that replace the config's; ``{seed}`` in a text is the run's seed, so that each
            seed can have labeled images of its own.
        paper: What the paper reports for the row, in percent, by our columns (``AP``, ``AP50``, ...).

    Raises:
        ValueError: For options of several trainings.
    """

    name: str
    config: str
    start: str = ''
    labels: str = ''
    options: dict[str, Any] = field(default_factory=dict)
    paper: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.options and self.phases:
            raise ValueError(
                f'recipe {self.name!r}: {self.config} is several trainings, which options {self.options} cannot reach; '
                'write them into configs of their own'
            )

    @property
    def slug(self) -> str:
        """The name as a file's: letters, digits, and ``_`` for what is between them."""
        return re.sub(r'\W+', '_', self.name)

    def options_of(self, seed: int) -> dict[str, Any]:
        """The options of a run with this seed."""
        return {
            key: value.replace('{seed}', str(seed)) if isinstance(value, str) else value
            for key, value in self.options.items()
        }

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes that come before it."""
        return tuple(name for name in (self.start, self.labels) if name)

    @property
    def phases(self) -> list[str]:
        """Configs of its trainings, where it is several (Multi-Phase)."""
        return list(load_config(self.config).get('multi_phase', {}).get('phases', []))

    @property
    def iterations(self) -> int:
        """Training iterations of this recipe alone."""
        if self.phases:
            return sum(load_config(phase).train_cfg.max_iters for phase in self.phases)
        return load_config(self.config, cfg_options=self.options).train_cfg.max_iters

    @property
    def last_checkpoint(self) -> str:
        """Where a run leaves its weights, below the folder of its seed."""
        return f'{self.slug}/iter_{self.iterations}.pth'

    @property
    def own_start(self) -> str:
        """What the config itself starts from; '' for nothing."""
        return load_config(self.config, cfg_options=self.options).get('load_from') or ''

    def digest(self) -> str:
        """Checksum of what trains and tests, so that figures of another config are not taken for its own.

        What a config names on the way, such as parts that an heir may take, does not count.
        """
        configs = [load_config(self.config, cfg_options=self.options)]
        configs += [load_config(phase) for phase in self.phases]
        parts = [{key: cfg.get(key) for key in DECISIVE} for cfg in configs]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Matrix:
    """Recipes to compare, in the order of the table's rows.

    Args:
        title: The page's title.
        note: The page's words on data and settings.
        recipes: The rows.
        findings: What the figures say, below the table; '' before there are any.
        compare: Pairs of rows whose difference, the first less the second, is told with its interval over seeds.

    Raises:
        ValueError: For a name given twice, or one that is needed and is not an earlier row, or compared and no row.
    """

    title: str
    note: str
    recipes: tuple[Recipe, ...]
    findings: str = ''
    compare: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names: list[str] = []
        for recipe in self.recipes:
            if recipe.slug in [other.slug for other in self.recipes[: len(names)]]:
                raise ValueError(f'recipe {recipe.name!r} is there twice; give it another name')
            if missing := [name for name in recipe.needs if name not in names]:
                raise ValueError(
                    f'recipe {recipe.name!r} starts from {missing[0]!r}, which is not among the '
                    f'rows before it, {names}'
                )
            names.append(recipe.name)
        if unknown := {name for pair in self.compare for name in pair} - {*names}:
            raise ValueError(f'compare: expected names of rows, {names}, got {sorted(unknown)}')

    @classmethod
    def fromfile(cls, file: str) -> Matrix:
        """Read a Python file with ``title``, ``note``, ``recipes`` (dicts) and perhaps ``findings`` and ``compare``."""
        cfg = Config.fromfile(file)
        recipes = tuple(Recipe(**dict(recipe)) for recipe in cfg.recipes)
        compare = tuple((first, second) for first, second in cfg.get('compare', ()))
        return cls(cfg.title, cfg.note, recipes, cfg.get('findings', ''), compare)

    def lineage(self, name: str) -> str:
        """Checksum of a recipe's config and of all that it starts from: with one seed, equal ones give equal runs."""
        recipe = self[name]
        before = ' '.join(map(self.lineage, recipe.needs)) if recipe.needs else recipe.own_start
        return hashlib.sha256(f'{recipe.digest()} {before}'.encode()).hexdigest()

    def __getitem__(self, name: str) -> Recipe:
        return next(recipe for recipe in self.recipes if recipe.name == name)
