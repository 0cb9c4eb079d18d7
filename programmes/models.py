"""What may be given to whom, as data with validity dates: no rule of a ministry letter is code."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class Programme(models.Model):
    """A vaccination programme citizens can book, e.g. COVID-19 or routine child immunisation."""

    code = models.SlugField("kode", max_length=20, primary_key=True)
    name = models.CharField("nama", max_length=80)
    description = models.TextField("penjelasan", blank=True)
    is_bookable = models.BooleanField("dapat dipesan warga", default=True)
    sort_order = models.PositiveSmallIntegerField("urutan", default=0)

    class Meta:
        verbose_name = "program"
        verbose_name_plural = "program"
        ordering = ["sort_order", "name"]

    def __str__(self) -> str:
        return self.name


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

    class Unit(models.TextChoices):
        DAY = "d", "hari"
        WEEK = "w", "minggu"
        MONTH = "mo", "bulan"
        YEAR = "y", "tahun"

    code = models.CharField("kode", max_length=40, primary_key=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="rules")
    version = models.CharField("versi/surat", max_length=80)
    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT, related_name="rules")
    dose_code = models.SlugField(
        "kode dosis",
        max_length=20,
        db_comment="Within the programme: primary1, primary2, booster1, booster2, penta1 ...",
    )
    dose_label = models.CharField("sebutan dosis", max_length=40)
    dose_number = models.PositiveSmallIntegerField(
        "dosis ke-", null=True, blank=True, db_comment="From 1, in its series."
    )
    prior_vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="vaksin sebelumnya"
    )
    prior_dose_code = models.SlugField("dihitung dari dosis", max_length=20, blank=True)
    dose_quantity_ml = models.DecimalField("volume (mL)", max_digits=5, decimal_places=2, null=True, blank=True)
    min_age_value = models.DecimalField("usia minimum", max_digits=5, decimal_places=1, null=True, blank=True)
    min_age_unit = models.CharField("satuan", max_length=2, choices=Unit, blank=True)
    max_age_months = models.PositiveSmallIntegerField("usia maksimum (bulan)", null=True, blank=True)
    max_age_extra_days = models.PositiveSmallIntegerField("tambahan hari", default=0)
    min_interval_value = models.PositiveSmallIntegerField("jarak minimum", null=True, blank=True)
    min_interval_unit = models.CharField("satuan jarak", max_length=2, choices=Unit, blank=True)
    target_group = models.CharField("sasaran", max_length=120, blank=True)
    recommended_age = models.CharField("usia anjuran", max_length=60, blank=True)
    note = models.TextField("catatan", blank=True)
    source = models.TextField("sumber", blank=True)
    unverified_fields = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, verbose_name="perlu verifikasi"
    )
    needs_manual_review = models.BooleanField("tinjau manual", default=False)
    valid_from = models.DateField("berlaku sejak", null=True, blank=True)
    valid_until = models.DateField("berlaku sampai", null=True, blank=True)
    is_active = models.BooleanField("aktif", default=True)

    class Meta:
        verbose_name = "aturan dosis"
        verbose_name_plural = "aturan dosis"
        ordering = ["programme", "dose_number", "code"]
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
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="questionnaires"
    )
    applies_to = models.JSONField("berlaku untuk", default=dict, db_comment="min_age_months, max_age_months, pregnant.")
    measurement_limits = models.JSONField(
        "batas pengukuran", default=dict, db_comment="Celsius, mmHg; see RULES SC-1, SC-2."
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
    outcome_if_yes = models.CharField("bila ya", max_length=20, choices=Outcome)
    condition = models.JSONField(
        "syarat tampil", default=dict, db_comment="min_age_months, first_dose, later_dose, sex."
    )
    postpone_days = models.PositiveSmallIntegerField("tunda (hari)", null=True, blank=True)
    group_key = models.SlugField(
        "kelompok", max_length=20, blank=True, db_comment="Counted together, e.g. A7 elderly items."
    )
    group_threshold = models.PositiveSmallIntegerField("ambang kelompok", null=True, blank=True)
    advice = models.TextField("saran", blank=True)
    sort_order = models.PositiveSmallIntegerField("urutan", default=0)

    class Meta:
        verbose_name = "pertanyaan"
        verbose_name_plural = "pertanyaan"
        ordering = ["questionnaire", "sort_order"]
        constraints = [models.UniqueConstraint(fields=["questionnaire", "key"], name="question_key_once")]

    def __str__(self) -> str:
        return self.key
