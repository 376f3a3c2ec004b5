"""What flows between the rooms of a search: trials, plans, rungs, units, the verdict."""

from .candidate import Candidate, Member, Repeat
from .comparison import Comparison, RefitScores, decimals
from .engine_choice import EngineChoice
from .explored import Explored
from .followup import Confirmation, Rescored, Transfer
from .headroom import HeadroomAssessment, RepeatsNeeded, SampleErrors
from .insight import Ablation, CurvePoint, Insight, Moved
from .ledger import Ledger, MemoryLedger, Unit, recall, recall_record
from .named_comparison import NamedComparison, Pair
from .outcome import Measurement, Outcome, State, Tested
from .phases import (
    CONFIRMATION,
    HEADROOM_ASSESSMENT,
    HEADROOM_FINER,
    HEADROOM_GRID,
    HEADROOM_WIDER,
    INSIGHT,
    PHASES,
    VERDICT,
    VERDICT_QUESTION,
    Phase,
    UnitAddress,
)
from .plain_json import finite_or_none, nan_if_none
from .plan import Headroom, Plan
from .progress import Progress, SilentProgress
from .race_round import RaceRound
from .rungs import RungSchedule, Watch, unwatched
from .trial import Trial, best_of
from .verdict import Entrant, RaceResult, StandardRow, Verdict

__all__ = [
    "CONFIRMATION",
    "HEADROOM_ASSESSMENT",
    "HEADROOM_FINER",
    "HEADROOM_GRID",
    "HEADROOM_WIDER",
    "INSIGHT",
    "PHASES",
    "VERDICT",
    "VERDICT_QUESTION",
    "Ablation",
    "Candidate",
    "Comparison",
    "Confirmation",
    "CurvePoint",
    "EngineChoice",
    "Entrant",
    "Explored",
    "Headroom",
    "HeadroomAssessment",
    "Insight",
    "Ledger",
    "Measurement",
    "Member",
    "MemoryLedger",
    "Moved",
    "NamedComparison",
    "Outcome",
    "Pair",
    "Phase",
    "Plan",
    "Progress",
    "RaceResult",
    "RaceRound",
    "RefitScores",
    "Repeat",
    "RepeatsNeeded",
    "Rescored",
    "RungSchedule",
    "SampleErrors",
    "SilentProgress",
    "StandardRow",
    "State",
    "Tested",
    "Transfer",
    "Trial",
    "Unit",
    "UnitAddress",
    "Verdict",
    "Watch",
    "best_of",
    "decimals",
    "finite_or_none",
    "nan_if_none",
    "recall",
    "recall_record",
    "unwatched",
]
