"""The reference lists this service offers (PROTOCOL 9.5). Codes differ between facilities and none is published."""

from typing import Any

Rows = list[dict[str, Any]]

POLI: Rows = [
    {"kdPoli": "001", "nmPoli": "POLI UMUM", "poliSakit": True},
    {"kdPoli": "020", "nmPoli": "KUNJUNGAN SEHAT", "poliSakit": False},
    {"kdPoli": "023", "nmPoli": "IMUNISASI", "poliSakit": False},
]
DOCTORS: Rows = [{"kdDokter": f"{number:06d}", "nmDokter": f"TENAGA UJI {number}"} for number in range(1, 21)]
DIAGNOSES: Rows = [
    {"kdDiag": code, "nmDiag": name, "nonSpesialis": False}
    for code, name in [
        ("Z23.2", "Need for immunization against tuberculosis [BCG]"),
        ("Z23.5", "Need for immunization against tetanus alone"),
        ("Z24.0", "Need for immunization against poliomyelitis"),
        ("Z24.4", "Need for immunization against measles alone"),
        ("Z24.6", "Need for immunization against viral hepatitis"),
        ("Z25.1", "Need for immunization against influenza"),
        ("Z25.8", "Need for immunization against other specified single viral diseases"),
        ("Z27.1", "Need for immunization against DTP combined"),
        ("Z27.4", "Need for immunization against MMR"),
        ("U11.9", "Need for immunization against COVID-19, unspecified"),
    ]
]
AWARENESS: Rows = [
    {"kdSadar": code, "nmSadar": name}
    for code, name in [("01", "Compos mentis"), ("02", "Somnolence"), ("03", "Sopor"), ("04", "Coma")]
]
DISCHARGE: dict[str, Rows] = {
    "false": [{"kdStatusPulang": "3", "nmStatusPulang": "Berobat jalan"}],
    "true": [{"kdStatusPulang": "1", "nmStatusPulang": "Sembuh"}],
}
REFERRED = {"kdStatusPulang": "4", "nmStatusPulang": "Rujuk"}
PROGNOSES: Rows = [{"kdPrognosa": "01", "nmPrognosa": "Sanam"}, {"kdPrognosa": "02", "nmPrognosa": "Bonam"}]
ALLERGIES: dict[str, Rows] = {
    "01": [{"kdAlergi": "00", "nmAlergi": "Tidak ada"}, {"kdAlergi": "01", "nmAlergi": "Makanan laut"}],
    "02": [{"kdAlergi": "00", "nmAlergi": "Tidak ada"}, {"kdAlergi": "03", "nmAlergi": "Udara dingin"}],
    "03": [{"kdAlergi": "00", "nmAlergi": "Tidak ada"}, {"kdAlergi": "02", "nmAlergi": "Antibiotik"}],
}
PROVIDERS: Rows = [{"kdProvider": f"1184U{number:03d}", "nmProvider": f"FKTP UJI {number}"} for number in range(1, 41)]
CARE: Rows = [
    {"kdTkp": "10", "nmTkp": "RJTP"},
    {"kdTkp": "20", "nmTkp": "RITP"},
    {"kdTkp": "50", "nmTkp": "Promotif"},
]

PROCEDURES: Rows = [
    {"kdTindakan": "01001", "nmTindakan": "Suntik vaksin", "maxTarif": 0, "withValue": False},
    {"kdTindakan": "01002", "nmTindakan": "Konsultasi gizi", "maxTarif": 0, "withValue": False},
]
MEDICINES: Rows = [
    {"kdObat": "130100001", "nmObat": "Paracetamol 500 mg", "sedia": 100},
    {"kdObat": "130100002", "nmObat": "Epinefrin 1 mg/mL", "sedia": 10},
]

SPECIALTIES: Rows = [
    {"kdSpesialis": "ANA", "nmSpesialis": "Anak"},
    {"kdSpesialis": "INT", "nmSpesialis": "Penyakit dalam"},
]
SUBSPECIALTIES: dict[str, Rows] = {
    "ANA": [{"kdSubSpesialis": "3", "nmSubSpesialis": "Anak", "kdPoliRujuk": "ANA"}],
    "INT": [{"kdSubSpesialis": "26", "nmSubSpesialis": "Penyakit dalam", "kdPoliRujuk": "INT"}],
}
MEANS: Rows = [{"kdSarana": "1", "nmSarana": "Rekam medik"}]
SPECIAL: Rows = [{"kdKhusus": "HDL", "nmKhusus": "Hemodialisis"}, {"kdKhusus": "THA", "nmKhusus": "Thalasemia"}]
# These two want the specialty in the address as well; the others must not have it.
SPECIAL_BY_SPECIALTY = {"THA", "HEM"}
HOSPITALS: Rows = [
    {
        "kdppk": "1184R001", "nmppk": "RS UJI 1", "alamatPpk": "Jalan Uji 1", "telpPpk": "-", "kelas": "B",
        "nmkc": "UJI", "distance": 2500.0, "jadwal": "Senin 08.00", "jmlRujuk": 0, "kapasitas": 20, "persentase": 0,
    }
]  # fmt: skip

CLUBS: dict[str, Rows] = {
    kind: [
        {
            "clubId": number, "jnsKelompok": {"kdProgram": kind, "nmProgram": name}, "tglMulai": "01-01-2020",
            "tglAkhir": None, "alamat": "Jalan Uji 1", "nama": f"KLUB UJI {number}", "ketua_noHP": "-",
            "ketua_nama": "KETUA UJI",
        }
    ]
    for number, (kind, name) in enumerate([("01", "Diabetes Melitus"), ("02", "Hipertensi")], 1)
}  # fmt: skip
