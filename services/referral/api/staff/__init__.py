"""What staff do with referrals, by their place in the work (DOMAIN.md §9)."""

from services.referral.api.staff import acting, contacting, joining, looking, validity
from services.referral.api.staff.router import staff

__all__ = ["acting", "contacting", "joining", "looking", "staff", "validity"]
