"""What tests are made of, once for all of them.

===================  ===============================================================================================
``quick_runs``       import it and tiny runs are quick
``toy_training``     a training whose model is a few numbers: a config, its run, its weights
``trainings``        a training of a tiny detector on drawn images under the shipped runtime; a project of three
``small_run``        what such a training leaves: config, checkpoint, images, without the training
``tiny_recipes``     the model of a shipped config, small, and two steps of it
``tiny_starts``      four kinds of heads to start from;  ``dense_detectors``: mmdet's one-stage detectors, small
``fakes``            runners and models with just what a hook looks at
``banks``            label banks by hand;  ``by_hand``: data sets and detections
``images``           image files and labels of them;  ``miniature``: COCO and VOC as they are downloaded
``authors_yolox``    YOLOX as its authors wrote it;  ``exporting``: its ONNX file
``fault_runs``       trainings in processes that can be killed
``shared_data``      real images and weights beside the repository
===================  ===============================================================================================
"""
