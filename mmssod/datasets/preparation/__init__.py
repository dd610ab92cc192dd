"""Are the data sets of the configs there? Checks of COCO and VOC, and VOC's xml as COCO's json."""

from mmssod.datasets.preparation.coco import check_coco
from mmssod.datasets.preparation.findings import Findings, missing_files
from mmssod.datasets.preparation.voc import convert_voc

__all__ = ['Findings', 'check_coco', 'convert_voc', 'missing_files']
