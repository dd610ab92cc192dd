"""Writes configs that fit the user's images and machine: ``mmssod new``."""

from mmssod.own_data.new.planning import Machine, Plan, make_plan
from mmssod.own_data.new.project import new_project

__all__ = ['Machine', 'Plan', 'make_plan', 'new_project']
