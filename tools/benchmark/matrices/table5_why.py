"""Why CA gains or loses on photographs: the certainty that is thresholded, and the losses on pseudo boxes."""

_base_ = './table5_photos.py'

title = 'What CA changes in the student, on photographs'
note = (
    'As [Table 5 on photographs](table5_photos.md), from the same teachers. "Selected by" changes what the thresholds '
    'by class are tested against; "no bucket loss" leaves the losses of buckets and offsets to labeled boxes.'
)
WHY = {
    'CA, selected by p': {'model.selector.certainty': 'p'},
    'CA, selected by the lesser of p and v': {'model.selector.certainty': 'p_and_v'},
    'CA, no bucket loss': {
        'model.unsup_loss_weights.loss_bucket': 0.0,
        'model.unsup_loss_weights.loss_offset': 0.0,
    },
}
recipes = []
for row in _base_.recipes:
    if row['name'].endswith(('buckets', 'CA')):
        recipes.append(row)
    if row['name'].endswith('CA'):
        data = row['name'].partition(',')[0]
        recipes += [
            {**row, 'name': f'{data}, {name}', 'options': {**row['options'], **options}}
            for name, options in WHY.items()
        ]
compare = [
    (row['name'], row['name'].partition(',')[0] + ', CA')
    for row in recipes
    if 'CA, ' in row['name']
]
findings = 'Not run yet.'
