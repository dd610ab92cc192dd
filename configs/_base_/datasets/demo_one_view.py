"""The demo's data with one view of the unlabeled images."""

_base_ = ['./demo.py', '../one_view.py']

semi_train_dataloader = _base_.one_view_loader
