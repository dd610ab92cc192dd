"""MixPL on DINO: AdamW, a threshold of 0.4, one rate to the end."""

_base_ = ['./mixpl.py', './adamw_dino.py']

semi = dict(balancer=dict(threshold=0.4))
