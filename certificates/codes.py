"""International codes of the vaccines given here, and the code lists of the EU certificate.

Sources: eu-dcc-valuesets (last published 2023-05), WHO DDCC code systems, the SNOMED CT codes named in the EU
encoding instructions. Only codes, no text of others.
"""

from __future__ import annotations

from dataclasses import dataclass

COVID_19 = "840539006"

MRNA = "1119349007"
VECTOR = "29061000087103"
INACTIVATED = "1157024006"
PROTEIN = "1162643001"


@dataclass(frozen=True)
class VaccineCodes:
    """EU `vp`, `mp`, `ma` (the last two empty where the EU never gave a code), ICD-11 and CVX."""

    prophylaxis: str
    product: str
    holder: str
    icd11: str
    cvx: str
    brand: str

    @property
    def has_eu_code(self) -> bool:
        return bool(self.product and self.holder)


COVID_VACCINES = {
    "COV_SINOVAC": VaccineCodes(INACTIVATED, "CoronaVac", "Sinovac-Biotech", "XM7HT3", "511", "CoronaVac"),
    # Filled by Bio Farma from Sinovac bulk: the same product in every code list.
    "COV_BIOFARMA": VaccineCodes(INACTIVATED, "CoronaVac", "Sinovac-Biotech", "XM7HT3", "511", "CoronaVac"),
    "COV_AZ": VaccineCodes(VECTOR, "EU/1/21/1529", "ORG-100001699", "XM4YL8", "210", "Vaxzevria"),
    "COV_COVISHIELD": VaccineCodes(VECTOR, "Covishield", "ORG-100001981", "XM97T2", "210", "Covishield"),
    "COV_MODERNA": VaccineCodes(MRNA, "EU/1/20/1507", "ORG-100031184", "XM3DT5", "207", "Spikevax"),
    "COV_PFIZER": VaccineCodes(MRNA, "EU/1/20/1528", "ORG-100030215", "XM8NQ0", "208", "Comirnaty"),
    "COV_SINOPHARM": VaccineCodes(INACTIVATED, "BBIBP-CorV", "ORG-100020693", "XM8866", "510", "BBIBP-CorV"),
    "COV_JANSSEN": VaccineCodes(VECTOR, "EU/1/20/1525", "ORG-100001417", "XM6QV1", "212", "Jcovden"),
    # The product delivered to Indonesia was Covovax of Serum Institute, not Nuvaxovid.
    "COV_NOVAVAX": VaccineCodes(PROTEIN, "Covovax", "ORG-100001981", "XM9T65", "211", "Covovax"),
    "COV_CONVIDECIA": VaccineCodes(VECTOR, "Convidecia", "ORG-100013793", "XM1AG7", "506", "Convidecia"),
    "COV_SPUTNIK": VaccineCodes(VECTOR, "Sputnik-V", "Gamaleya-Research-Institute", "XM5ZJ4", "505", "Sputnik V"),
    # No EU product code exists for these; writing another product's code would be a false statement.
    "COV_ZIFIVAX": VaccineCodes(PROTEIN, "", "", "XM5JC5", "513", "Zifivax"),
    "COV_INDOVAC": VaccineCodes(PROTEIN, "", "", "XM5JC5", "", "IndoVac"),
    "COV_INAVAC": VaccineCodes(INACTIVATED, "", "", "XM1NL1", "", "Inavac"),
    "COV_AWCORNA": VaccineCodes(MRNA, "", "", "", "", "AWcorna"),
}

EU_DISEASES = frozenset({COVID_19})
EU_PROPHYLAXES = frozenset(
    {
        *(MRNA, VECTOR, INACTIVATED, PROTEIN),
        # Older or less exact codes: read, never written.
        *("1119305005", "J07BX03", "28531000087107", "30141000087107", "1187593009"),
    }
)
_PRODUCTS = """
EU/1/20/1507 EU/1/20/1525 EU/1/20/1528 EU/1/21/1529 EU/1/21/1580 EU/1/21/1618 EU/1/21/1624 EU/1/22/1709 Abdala AZD2816
BBIBP-CorV Convidecia CoronaVac Covaxin Covid-19-adsorvida-inativada Covid-19-recombinant Covifenz Covishield CoviVac
Covovax CVnCoV EpiVacCorona EpiVacCorona-N Hayat-Vax Inactivated-SARS-CoV-2-Vero-Cell MVC-COV1901 NVSI-06-08 NVX-CoV2373
R-COVI SCTV01C Soberana-02 Soberana-Plus Sputnik-Light Sputnik-M Sputnik-V Vidprevtyn VLA2001 WIBP-CorV YS-SC2-010
"""
EU_PRODUCTS = frozenset(_PRODUCTS.split())
_HOLDERS = """
ORG-100000788 ORG-100001417 ORG-100001699 ORG-100001981 ORG-100006270 ORG-100007893 ORG-100008549 ORG-100010771
ORG-100013793 ORG-100020693 ORG-100023050 ORG-100024420 ORG-100026614 ORG-100030215 ORG-100031184 ORG-100032020 NVSI
ORG-100033914 ORG-100036422 ORG-100036914 Bharat-Biotech CIGB
Chumakov-Federal-Scientific-Center Finlay-Institute Fiocruz
Gamaleya-Research-Institute Instituto-Butantan Sinopharm-WIBP Sinovac-Biotech Vector-Institute Yisheng-Biopharma
"""
EU_HOLDERS = frozenset(_HOLDERS.split())

# ICD-11 of the disease a routine vaccine protects against, for cards that are not about COVID-19.
ROUTINE_ICD11 = {
    "HB0": ("1E50.1",),
    "BCG": ("1B1Z",),
    "OPV": ("1C81",),
    "IPV": ("1C81",),
    "PENTA": ("1C17", "1C12", "1C13", "1E50.1"),
    "HEXA": ("1C17", "1C12", "1C13", "1E50.1", "1C81"),
    "MR": ("1F03", "1F02"),
    "JE": ("1C85",),
    "DT": ("1C17", "1C13"),
    "TD": ("1C13", "1C17"),
    "INFLUENZA": ("1E32",),
    "DENGUE": ("1D2Z",),
    "VARICELLA": ("1E90",),
    "TYPHOID": ("1A07",),
    "RABIES": ("1C82",),
    "MENING": ("1C1C",),
    "YF": ("1D47",),
    "HPV": ("XN8JY",),
    "RV": ("XN6N7",),
}


_BRANDS = {codes.product: codes.brand for codes in reversed(COVID_VACCINES.values()) if codes.product}

# Who stands behind the products above, by the name people know.
HOLDER_NAMES = {
    "ORG-100001417": "Janssen",
    "ORG-100001699": "AstraZeneca",
    "ORG-100001981": "Serum Institute of India",
    "ORG-100013793": "CanSino Biologics",
    "ORG-100020693": "Sinopharm",
    "ORG-100030215": "BioNTech",
    "ORG-100031184": "Moderna",
    "Gamaleya-Research-Institute": "Gamaleya",
    "Sinovac-Biotech": "Sinovac",
}


def brand_of(product: str) -> str:
    """The brand name people know for an EU product code; the code itself when it is none of ours."""
    return _BRANDS.get(product, product)


def holder_of(code: str) -> str:
    """The name of the maker an EU code stands for; the code itself when it is of none of our products."""
    return HOLDER_NAMES.get(code, code)


def brands_by_cvx() -> dict[str, str]:
    """Brand by CVX code; where one code stands for several products, all of them: the code does not say which."""
    found: dict[str, list[str]] = {}
    for one in COVID_VACCINES.values():
        if one.cvx and one.brand not in found.setdefault(one.cvx, []):
            found[one.cvx].append(one.brand)
    return {cvx: " / ".join(brands) for cvx, brands in found.items()}
