"""What may be given to whom, as data with validity dates: no rule of a ministry letter is code."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language

from programmes.spans import Span


def validate_span(text: str) -> None:
    """Refuse what `programmes.spans.Span` cannot read."""
    try:
        Span.parse(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class SpanField(models.CharField):
    """A length of time in the words of a rule: "28 d", "8 w", "6 mo", "18 y"; empty means no limit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 20)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("validators", [validate_span])
        kwargs.setdefault("help_text", "d = hari, w = minggu, mo = bulan, y = tahun; contoh: 28 d")
        super().__init__(*args, **kwargs)


class Programme(models.Model):
    """A vaccination programme citizens can book, e.g. COVID-19 or routine child immunisation."""

    class SeriesScope(models.TextChoices):
        PROGRAMME = "programme", "satu rangkaian untuk seluruh program"
        VACCINE = "vaccine", "satu rangkaian per vaksin"
        DOSE = "dose", "tiap dosis berdiri sendiri"

    code = models.SlugField("kode", max_length=20, primary_key=True)
    name = models.CharField("nama", max_length=80)
    name_en = models.CharField("nama (Inggris)", max_length=80, blank=True)
    description = models.TextField("penjelasan", blank=True)
    series_scope = models.CharField("rangkaian", max_length=10, choices=SeriesScope, default=SeriesScope.PROGRAMME)
    min_age = SpanField("dilayani mulai usia")
    below_age = SpanField("dilayani sebelum usia")
    is_bookable = models.BooleanField("dapat dipesan warga", default=True)
    sort_order = models.PositiveSmallIntegerField("urutan", default=0)
    source = models.TextField("sumber", blank=True)

    class Meta:
        verbose_name = "program"
        verbose_name_plural = "program"
        ordering = ["sort_order", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def local_name(self) -> str:
        """The name in the active language."""
        return self.name_en if self.name_en and get_language() == "en" else self.name


class TargetGroup(models.Model):
    """A target group (RULES section 3); one with an age range follows from the birth date alone."""

    code = models.CharField("kode", max_length=20, primary_key=True)
    label = models.CharField("nama", max_length=60)
    min_age = SpanField("mulai usia")
    below_age = SpanField("sebelum usia")
    # One person may belong to several groups; a report counts the one that stands first (RULES G-1).
    report_priority = models.PositiveSmallIntegerField("urutan pelaporan", null=True, blank=True)
    unverified_fields = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, verbose_name="perlu verifikasi"
    )
    source = models.TextField("sumber", blank=True)

    class Meta:
        verbose_name = "kelompok sasaran"
        verbose_name_plural = "kelompok sasaran"
        ordering = ["report_priority", "code"]

    def __str__(self) -> str:
        return self.label


class GapRule(models.Model):
    """A distance to something other than the previous dose: another vaccine, a live vaccine, recovery from illness."""

    class Kind(models.TextChoices):
        OTHER_VACCINE = "other_vaccine", "jarak dengan vaksin lain"
        LIVE = "live", "jarak antarvaksin hidup"
        RECOVERY = "recovery", "jarak setelah sembuh"

    code = models.CharField("kode", max_length=40, primary_key=True)
    kind = models.CharField("jenis", max_length=20, choices=Kind)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="gaps")
    min_age = SpanField("mulai usia")
    below_age = SpanField("sebelum usia")
    span = SpanField("jarak", blank=False)
    severity = models.CharField("berat gejala", max_length=10, blank=True, db_comment="mild, severe or empty for both.")
    valid_from = models.DateField("berlaku sejak", null=True, blank=True)
    valid_until = models.DateField("berlaku sampai", null=True, blank=True)
    is_unverified = models.BooleanField("perlu verifikasi", default=False)
    note = models.TextField("catatan", blank=True)
    source = models.TextField("sumber", blank=True)

    class Meta:
        verbose_name = "aturan jarak"
        verbose_name_plural = "aturan jarak"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Vaccine(models.Model):
    """A product or antigen with its packing, storage and codes."""

    code = models.SlugField("kode", max_length=20, primary_key=True)
    name = models.CharField("nama", max_length=80)
    short_name = models.CharField("nama pendek", max_length=40)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="vaccines")
    category = models.CharField("golongan", max_length=20)
    manufacturer = models.CharField("produsen", max_length=80, blank=True)
    platform = models.CharField("platform", max_length=80, blank=True)
    target_disease = models.CharField("penyakit", max_length=80, blank=True)
    antigen = models.CharField(
        "antigen", max_length=20, db_comment="Vaccines with the same antigen count as one in combination rules."
    )
    is_live = models.BooleanField("vaksin hidup", default=False)
    doses_per_vial = models.PositiveSmallIntegerField("dosis per vial", default=1)
    dose_quantity_ml = models.DecimalField("volume dosis (mL)", max_digits=5, decimal_places=2, null=True, blank=True)
    route = models.CharField("cara pemberian", max_length=20, blank=True)
    primary_doses = models.PositiveSmallIntegerField("dosis primer", null=True, blank=True)
    storage = models.CharField("penyimpanan", max_length=80, blank=True)
    open_vial_hours = models.PositiveSmallIntegerField("jam pakai setelah dibuka", null=True, blank=True)
    is_freeze_sensitive = models.BooleanField("rusak bila beku", null=True, blank=True)
    kfa_products = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name="kode KFA")
    kfa_groups = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name="kelompok KFA")
    cvx_codes = ArrayField(models.CharField(max_length=10), default=list, blank=True, verbose_name="kode CVX")
    unverified_fields = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, verbose_name="perlu verifikasi"
    )
    source = models.TextField("sumber", blank=True)
    is_active = models.BooleanField("dipakai", default=True)

    class Meta:
        verbose_name = "vaksin"
        verbose_name_plural = "vaksin"
        ordering = ["short_name"]

    def __str__(self) -> str:
        return self.short_name


class DoseRule(models.Model):
    """One row of a ministry schedule: this dose of this vaccine, to whom, how long after which other dose."""

    class Pregnancy(models.TextChoices):
        REVIEW = "", "tinjau manual"
        ONLY = "only", "khusus ibu hamil"
        OK = "ok", "tidak mengubah aturan"

    code = models.CharField("kode", max_length=40, primary_key=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="rules")
    version = models.CharField("versi/surat", max_length=80)
    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT, related_name="rules")
    dose_code = models.SlugField(
        "kode dosis", max_length=20, db_comment="Within the programme: primary1, booster1, penta2 ..."
    )
    dose_label = models.CharField("sebutan dosis", max_length=40)
    step = models.PositiveSmallIntegerField("langkah", db_comment="Order within the series of doses.")
    stage = models.SlugField("tahap", max_length=20, db_comment="The stage this dose belongs to, e.g. primary.")
    completes_stage = models.BooleanField("melengkapi tahap", default=False)
    follows = models.SlugField(
        "setelah dosis/tahap", max_length=20, blank=True, db_comment="Empty: first of its series."
    )
    prior_vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="vaksin sebelumnya"
    )
    volume = models.CharField("volume", max_length=30, blank=True)
    dose_quantity_ml = models.DecimalField("volume (mL)", max_digits=5, decimal_places=2, null=True, blank=True)
    min_age = SpanField("usia minimal")
    below_age = SpanField("sebelum usia")
    min_interval = SpanField("jarak minimal")
    # An unverified limit decides nothing inside the part that the source does confirm; outside it a person decides.
    sure_min_age = SpanField("usia minimal yang pasti")
    sure_below_age = SpanField("sebelum usia, yang pasti")
    sure_min_interval = SpanField("jarak minimal yang pasti")
    sure_from = models.DateField("pasti berlaku sejak", null=True, blank=True)
    recommended_age = SpanField("usia anjuran")
    sex = models.CharField("jenis kelamin", max_length=1, blank=True, choices=[("L", "Laki-laki"), ("P", "Perempuan")])
    born_from = models.DateField("lahir mulai", null=True, blank=True)
    school_grade = models.PositiveSmallIntegerField("kelas", null=True, blank=True)
    needs_t_status = models.BooleanField("perlu status T", default=False)
    pregnancy = models.CharField("ibu hamil", max_length=4, blank=True, choices=Pregnancy, default=Pregnancy.REVIEW)
    group_starts = models.JSONField(
        "mulai per kelompok", default=dict, blank=True, db_comment='Group code to date, "*" for everybody.'
    )
    target_group = models.CharField("sasaran", max_length=120, blank=True)
    note = models.TextField("catatan", blank=True)
    source = models.TextField("sumber", blank=True)
    unverified_fields = ArrayField(
        models.CharField(max_length=20), default=list, blank=True, verbose_name="penentu yang perlu verifikasi",
        db_comment="Deciding fields no source confirms: min_age, max_age, min_interval, valid_from, or rule for all.",
    )  # fmt: skip
    to_verify = models.CharField("perlu verifikasi", max_length=200, blank=True)
    valid_from = models.DateField("berlaku sejak", null=True, blank=True)
    valid_until = models.DateField("berlaku sampai", null=True, blank=True)
    is_active = models.BooleanField("aktif", default=True)

    class Meta:
        verbose_name = "aturan dosis"
        verbose_name_plural = "aturan dosis"
        ordering = ["programme", "step", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True)
                | Q(valid_from__isnull=True)
                | Q(valid_until__gte=F("valid_from")),
                name="dose_rule_validity_ordered",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dose_label} {self.vaccine_id}"


class Questionnaire(models.Model):
    """A versioned screening form (RULES SC-4); a completed answer stores which version it answered."""

    code = models.SlugField("kode", max_length=40)
    version = models.CharField("versi", max_length=20)
    title = models.CharField("judul", max_length=120)
    title_en = models.CharField("judul (Inggris)", max_length=120, blank=True)
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="questionnaires"
    )
    applies_to = models.JSONField(
        "berlaku untuk",
        default=dict,
        blank=True,
        db_comment='{"min_age": "18 y", "below_age": "12 y", "pregnant": true}',
    )
    measurement_limits = models.JSONField(
        "batas pengukuran", default=dict, blank=True, db_comment="Celsius, mmHg; RULES SC-1 to SC-3."
    )
    valid_from = models.DateField("berlaku sejak")
    valid_until = models.DateField("berlaku sampai", null=True, blank=True)
    source = models.TextField("sumber", blank=True)
    unverified_fields = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, verbose_name="perlu verifikasi"
    )

    class Meta:
        verbose_name = "formulir skrining"
        verbose_name_plural = "formulir skrining"
        constraints = [models.UniqueConstraint(fields=["code", "version"], name="questionnaire_version_once")]

    def __str__(self) -> str:
        return f"{self.title} ({self.version})"


class Question(models.Model):
    """One question of one version of a form, with the outcome a "yes" proposes."""

    class Outcome(models.TextChoices):
        PROCEED = "lanjut", "Lanjut"
        POSTPONE = "tunda", "Tunda"
        REFER = "rujuk_rs", "Diberikan di rumah sakit"
        REFUSE = "tidak_diberikan", "Tidak diberikan"

    questionnaire = models.ForeignKey(Questionnaire, on_delete=models.CASCADE, related_name="questions")
    key = models.SlugField("kunci", max_length=20)
    text = models.TextField("pertanyaan")
    text_en = models.TextField("pertanyaan (Inggris)", blank=True)
    help_text = models.TextField("penjelasan", blank=True)
    help_text_en = models.TextField("penjelasan (Inggris)", blank=True)
    outcome_if_yes = models.CharField("bila ya", max_length=20, choices=Outcome)
    refer = models.BooleanField("rujuk ke dokter", default=False)
    condition = models.JSONField(
        "syarat tampil", default=dict, blank=True,
        db_comment="min_age, below_age (spans), sex, first_dose (bool), live (bool), vaccines (codes).",
    )  # fmt: skip
    postpone = SpanField("tunda selama")
    use_form = models.SlugField("pindah ke formulir", max_length=40, blank=True)
    group_key = models.SlugField(
        "kelompok", max_length=20, blank=True, db_comment="Counted together, e.g. A7 elderly items."
    )
    group_threshold = models.PositiveSmallIntegerField("ambang kelompok", null=True, blank=True)
    advice = models.TextField("saran", blank=True)
    advice_en = models.TextField("saran (Inggris)", blank=True)
    sort_order = models.PositiveSmallIntegerField("urutan", default=0)

    class Meta:
        verbose_name = "pertanyaan"
        verbose_name_plural = "pertanyaan"
        ordering = ["questionnaire", "sort_order"]
        constraints = [models.UniqueConstraint(fields=["questionnaire", "key"], name="question_key_once")]

    def __str__(self) -> str:
        return self.key

    @property
    def local_text(self) -> str:
        """The question in the active language."""
        return self.text_en if self.text_en and get_language() == "en" else self.text

    @property
    def local_help(self) -> str:
        """The explanation in the active language."""
        return self.help_text_en if self.help_text_en and get_language() == "en" else self.help_text
