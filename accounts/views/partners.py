"""/dinkes/mitra/: tokens of partner facilities."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import partner
from accounts.access import StaffRequest, staff_required
from accounts.forms import TokenForm
from accounts.models import PartnerToken


@require_safe
@staff_required("partner.manage")
def token_list(request: StaffRequest) -> HttpResponse:
    """All tokens, living ones first."""
    rows = PartnerToken.objects.select_related("user", "facility").order_by("-expires_at")
    now = timezone.now()
    tokens = sorted(
        ({"token": row, "alive": row.revoked_at is None and row.expires_at > now} for row in rows),
        key=lambda row: not row["alive"],
    )
    return render(request, "accounts/token_list.html", {"tokens": tokens, "scopes": partner.SCOPES})


@sensitive_variables("text")
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("partner.manage", fresh=True)
def new_token(request: StaffRequest) -> HttpResponse:
    """Make a token; its text stands on the answer and nowhere else."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        membership = data.pop("membership")
        try:
            token, text = partner.create(user=membership.user, facility=membership.facility, **data)
        except ValidationError as error:
            form.add_error(None, " ".join(error.messages))
        else:
            return render(request, "accounts/token_once.html", {"token": token, "text": text})
    return render(request, "accounts/token_new.html", {"form": form})


@require_POST
@staff_required("partner.manage", fresh=True)
def revoke_token(request: StaffRequest, pk: int) -> HttpResponse:
    """End a token at once."""
    token = get_object_or_404(PartnerToken, pk=pk)
    partner.revoke(token)
    messages.success(request, f"Token {token.name} dicabut.")
    return redirect("partner_tokens")
