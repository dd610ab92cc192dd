"""ISMT's memory of pseudo labels; boxes of 64 x 64 px views of images of 128 x 128 px."""

import io

import pytest
import torch
from builders.tiny_recipes import build_recipe, tiny_recipe
from mmengine.runner.checkpoint import get_state_dict, load_state_dict
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmssod.methods.ismt import HeadLabels, PseudoLabelMemory, memory
from mmssod.structures.image_ids import id_number
from mmssod.tiny_detectors import tiny_batch, tiny_sample

FIRST = [4.0, 4, 24, 24]
NEAR = [5.0, 4, 25, 24]  # IoU 19 / 21 with FIRST
FAR = [40.0, 40, 60, 60]


def view(image=0, flip=False):
    """A view at half the size of the image, perhaps mirrored."""
    sample = tiny_sample(image, boxes=0, flip=flip)
    matrix = sample.homography_matrix.copy()
    matrix[:2, :2] /= 2
    sample.set_metainfo(dict(ori_shape=(128, 128), homography_matrix=matrix))
    return sample


def found(*boxes, heads=None, labels=None, v=None):
    """Boxes ``(corners, p)`` in pixels of the view, of head 0, class 0 and v = 1 where nothing else is said."""
    zeros = [0] * len(boxes)
    return HeadLabels(
        boxes=torch.tensor([box for box, _ in boxes]).reshape(-1, 4),
        labels=torch.tensor(zeros if labels is None else labels, dtype=torch.long),
        cls_certainty=torch.tensor([p for _, p in boxes]),
        loc_certainty=torch.tensor([1.0] * len(boxes) if v is None else v),
        weights=torch.ones(len(boxes)),
        heads=torch.tensor(zeros if heads is None else heads, dtype=torch.long),
    )


def remembered(part, labels, sample=None):
    (answer,) = part([labels], [sample or view()])
    return answer


# ------------------------------------------------------------------ fusion of old and new


@pytest.mark.parametrize('number', [0, 1, 2])
def test_what_is_seen_first_is_what_is_answered(number):
    labels = found(*[(FIRST, 0.9), (FAR, 0.8)][:number])
    answer = remembered(PseudoLabelMemory(), labels)
    assert isinstance(answer, HeadLabels)
    for name, value in vars(labels).items():
        assert torch.equal(getattr(answer, name), value), name


def test_a_better_box_replaces_and_a_worse_one_does_not():
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.7)))
    assert remembered(part, found((NEAR, 0.6))).boxes.tolist() == [FIRST]
    assert remembered(part, found((NEAR, 0.8))).boxes.tolist() == [NEAR]
    assert len(part.rows) == 1


def test_the_memory_grows_and_does_not_forget():
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.7)))
    assert remembered(part, found((FAR, 0.9))).boxes.tolist() == [FAR, FIRST]
    assert remembered(part, found()).boxes.tolist() == [FAR, FIRST]


def test_ranked_by_both_certainties():
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.8)))
    assert remembered(part, found((NEAR, 0.9), v=[0.8])).boxes.tolist() == [FIRST]  # 0.72


@pytest.mark.parametrize('other', [dict(heads=[1]), dict(labels=[1])])
def test_another_head_or_class_is_another_object(other):
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.9)))
    answer = remembered(part, found((FIRST, 0.8), **other))
    assert answer.boxes.tolist() == [FIRST, FIRST]
    assert (answer.heads.tolist(), answer.labels.tolist()) == (
        [0, *other.get('heads', [0])],
        [0, *other.get('labels', [0])],
    )


def test_images_do_not_touch_each_other():
    part = PseudoLabelMemory()
    answers = part([found((FIRST, 0.9)), found()], [view(0), view(1)])
    assert [len(answer) for answer in answers] == [1, 0]
    answers = part([found(), found((NEAR, 0.6))], [view(0), view(1)])
    assert [answer.boxes.tolist() for answer in answers] == [[FIRST], [NEAR]]


def test_an_image_that_is_there_twice_has_one_memory():
    part = PseudoLabelMemory()
    answers = part([found((FIRST, 0.9)), found((NEAR, 0.95))], [view(3), view(3)])
    assert [answer.boxes.tolist() for answer in answers] == [[NEAR], [NEAR]]


def test_uncertain_boxes_are_not_remembered():
    part = PseudoLabelMemory(score_thr=0.5)
    answer = remembered(part, found((FIRST, 0.5), (FAR, 0.49)))
    assert answer.boxes.tolist() == [FIRST]


def test_only_the_best_are_remembered():
    part = PseudoLabelMemory(max_per_img=1)
    remembered(part, found((FIRST, 0.7)))
    assert remembered(part, found((FAR, 0.9))).boxes.tolist() == [FAR]


# ------------------------------------------------------------------ views


def test_boxes_are_kept_in_pixels_of_the_original_image():
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.9)))
    assert part.rows[0, memory.BOX].tolist() == [8, 8, 48, 48]


def test_a_mirrored_view_sees_mirrored_boxes():
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.9)))
    mirrored = [64 - FIRST[2], FIRST[1], 64 - FIRST[0], FIRST[3]]
    answer = remembered(part, found((mirrored, 0.8)), view(flip=True))
    assert answer.boxes.tolist() == [mirrored]
    assert remembered(part, found()).boxes.tolist() == [FIRST]


# ------------------------------------------------------------------ state


class Numbers(TorchDispatchMode):
    """Counts the numbers that torch reads and writes."""

    def __init__(self):
        super().__init__()
        self.touched = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs, result))
        self.touched += sum(leaf.numel() for leaf in leaves if isinstance(leaf, torch.Tensor))
        return result


def touched_by_a_step(others):
    """By a step on an image with one box in memory and another one seen, beside the images of others."""
    part = PseudoLabelMemory()
    for image in (0, *range(1, others + 1)):
        remembered(part, found((FIRST, 0.8)), view(image))
    with Numbers() as numbers:
        assert len(remembered(part, found((FAR, 0.9)))) == 2
    assert len(part.rows) == 2 + others
    return numbers.touched


def test_a_step_costs_what_its_images_hold():
    """Exactly the same numbers are touched, however many other images are remembered."""
    alone, among_many = touched_by_a_step(0), touched_by_a_step(100)
    assert 0 < alone == among_many


def test_order_does_not_depend_on_when_an_image_was_seen():
    forward, backward = PseudoLabelMemory(), PseudoLabelMemory()
    for image in range(3):
        remembered(forward, found((FIRST, 0.9)), view(image))
        remembered(backward, found((FIRST, 0.9)), view(2 - image))
    assert forward.rows[:, memory.IMAGE].tolist() == [0, 1, 2]
    assert torch.equal(forward.rows, backward.rows)


@pytest.mark.parametrize('images', [[], [4], [7, 2, 4]])
def test_survives_a_resume_of_none_one_and_many(images):
    """As torch's own loading has it, which is strict; the resumed one goes on as the other does."""
    part, other = PseudoLabelMemory(), PseudoLabelMemory()
    for image in images:
        remembered(part, found((FIRST, 0.9), (FAR, 0.7)), view(image))
    remembered(other, found((FAR, 0.9)), view(1))  # what is loaded takes its place
    other.load_state_dict(part.state_dict())
    assert torch.equal(other.rows, part.rows) and len(part.rows) == 2 * len(images)
    answers = [remembered(one, found((NEAR, 0.95)), view(4)) for one in (part, other)]
    for name, value in vars(answers[0]).items():
        assert torch.equal(getattr(answers[1], name), value), name
    assert torch.equal(other.rows, part.rows)


def test_survives_a_resume_bit_by_bit():
    """Through mmengine's own saving and loading, and read as data only."""
    part = PseudoLabelMemory()
    remembered(part, found(([1 / 3, 2 / 3, 20.1, 30.7], 0.9), (FAR, 0.7), heads=[1, 0]))
    remembered(part, found((FIRST, 0.8)), view(581929))
    file = io.BytesIO()
    torch.save(get_state_dict(part), file)
    file.seek(0)
    other = PseudoLabelMemory()
    load_state_dict(other, torch.load(file, weights_only=True), strict=True)
    assert torch.equal(other.rows, part.rows)
    for one in (part, other):
        remembered(one, found((NEAR, 0.85)), view(581929))
    assert torch.equal(other.rows, part.rows) and len(part.rows) == 3


def test_a_checkpoint_without_a_memory_leaves_it_as_it_is():
    part = PseudoLabelMemory()
    remembered(part, found((FIRST, 0.9)))
    part.load_state_dict({}, strict=False)
    assert len(part.rows) == 1
    with pytest.raises(RuntimeError, match='Missing key.*"rows"'):
        part.load_state_dict({})


def test_processes_share_one_memory(monkeypatch):
    """What others saw is what this process would have seen, were their images in its batch."""
    seen = [found((FIRST, 0.9)), found((FAR, 0.8), (FIRST, 0.7)), found()]
    views = [view(0), view(1), view(2)]
    alone = PseudoLabelMemory()
    alone(seen, views)
    rows = [alone.to_rows(*pair) for pair in zip(seen, views, strict=True)]
    longest = max(map(len, rows))

    def all_gather(data):
        if data.dim() == 1:
            return [data.new_tensor([len(part)]) for part in rows]
        assert len(data) == longest
        return [torch.cat([p, p.new_zeros(longest - len(p), p.shape[1])]) for p in rows]

    monkeypatch.setattr(memory, 'get_world_size', lambda: len(rows))
    monkeypatch.setattr(memory, 'all_gather', all_gather)
    for rank in range(len(rows)):
        part = PseudoLabelMemory()
        (answer,) = part([seen[rank]], [views[rank]])
        assert torch.equal(part.rows, alone.rows)
        assert len(answer) == len(seen[rank])


# ------------------------------------------------------------------ errors


def test_image_ids_may_be_texts():
    """What is remembered of 'a' is of no other image; the id is a number in the rows."""
    memory, first, other = PseudoLabelMemory(), view(), view()
    first.set_metainfo(dict(img_id='a'))
    other.set_metainfo(dict(img_id='b'))
    expected = remembered(memory, found((FIRST, 0.9)), first)
    assert len(expected) == 1 and len(memory.recall(other, torch.device('cpu'))) == 0
    assert len(memory.recall(first, torch.device('cpu'))) == len(expected)
    assert memory.rows[:, 0].unique().tolist() == [id_number('a')]


@pytest.mark.parametrize('wrong', [dict(iou_threshold=2), dict(score_thr=1), dict(max_per_img=0)])
def test_values_out_of_range(wrong):
    with pytest.raises(ValueError, match='expected iou_threshold in'):
        PseudoLabelMemory(**wrong)


# ------------------------------------------------------------------ real processes


def step_in_a_process(rank, folder):
    """Two steps of the tiny ISMT model in a process group of two; each process has images of its own."""
    torch.set_num_threads(1)
    address = f'file://{folder}/group'
    torch.distributed.init_process_group('gloo', init_method=address, rank=rank, world_size=2)
    config = 'configs/ismt/demo.py'
    low = dict(balancer=dict(threshold=0.3, bounds=(0.0, 0.9)), merger=dict(score_thr=0.3))
    model = build_recipe(tiny_recipe(config, **low))
    wrapped = torch.nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)
    inputs, samples = tiny_batch(unlabeled=2)
    own = slice(rank, rank + 1)
    for _ in range(2):
        losses = wrapped(
            {name: images[own] for name, images in inputs.items()},
            {name: branch[own] for name, branch in samples.items()},
            mode='loss',
        )
        model.parse_losses(losses)[0].backward()
    torch.save(get_state_dict(wrapped), f'{folder}/{rank}.pth')  # in a run, process 0 alone saves
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_remember_the_same(tmp_path):
    torch.multiprocessing.spawn(step_in_a_process, (str(tmp_path),), nprocs=2)
    states = [torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2)]
    rows = [state['merger.rows'] for state in states]
    assert torch.equal(*rows)
    assert set(rows[0][:, memory.IMAGE].tolist()) == {2, 3}  # one of each process
