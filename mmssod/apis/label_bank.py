"""Making a label bank: a frozen teacher labels every unlabeled image once."""

from mmssod.label_bank.making import make_label_bank
from mmssod.label_bank.plan import BankPlan, plan_bank
from mmssod.label_bank.views import ViewLabeler

__all__ = ['BankPlan', 'ViewLabeler', 'make_label_bank', 'plan_bank']
