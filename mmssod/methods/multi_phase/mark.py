"""Marks each image with its source, for the model."""

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MarkPseudoLabeled(BaseTransform):
    """Says in a packed sample's metainfo that its boxes are pseudo labels: ``pseudo_labeled=True``.

    The last step of the pipeline of images with offline labels, after ``PackDetInputs``.
    """

    def transform(self, results: dict) -> dict:
        """The packed sample, marked.

        Raises:
            KeyError: If there is no packed sample yet.
        """
        if 'data_samples' not in results:
            raise KeyError(
                f'{type(self).__name__} marks what PackDetInputs packed, found {sorted(results)}; put it '
                'after that step'
            )
        results['data_samples'].set_metainfo(dict(pseudo_labeled=True))
        return results
