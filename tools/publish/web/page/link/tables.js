// Made by `make tables`, from tools/serial/settings.py, tools/serial/logfmt.py and
// firmware/sluice/program/keys.py: do not edit.

/** The first bytes of the frames of the settings and the audit log. */
export const SET = 0x83;
export const AUDIT = 0x85;
export const CONFIRM = 0x94;
export const REFUSE = 0x95;
export const ENTRY = 0x96;

/** How the values of a statistics line are written, what they are read as, and the text
 * for none where they can be that. */
const WHOLE = { pattern: /^(?:\d{1,15})$/, as: "number" };
const DECIMAL = { pattern: /^(?:\d{1,15}(?:\.\d{1,6})?)$/, as: "number" };
const RATE = { pattern: /^(?:\d{1,15})$/, as: "number", none: "none" };
const POSITIVE = { pattern: /^(?:(?=\d{1,15}\b)0*[1-9]\d*)$/, as: "number" };
const COST = { pattern: /^(?:record|bytes)$/, as: "text" };
const PERCENTILE = { pattern: /^(?:\d{1,15})$/, as: "number", none: "-1" };
const SOJOURNS = { pattern: /^(?:\d{1,10}(?:,\d{1,10}){14})$/, as: "numbers" };

/** The keys of a statistics line, and whether every firmware says them. */
export const STATS = [
  ["up_s", WHOLE, true],
  ["qps", WHOLE, true],
  ["mean_qps", DECIMAL, true],
  ["depth", WHOLE, true],
  ["limit", WHOLE, true],
  ["high_water", WHOLE, true],
  ["capacity", WHOLE, true],
  ["tokens", WHOLE, true],
  ["rate", RATE, true],
  ["per_ms", POSITIVE, true],
  ["burst", WHOLE, true],
  ["cost", COST, true],
  ["admitted", WHOLE, true],
  ["denied", WHOLE, true],
  ["load", DECIMAL, true],
  ["rejected", WHOLE, true],
  ["overwritten", WHOLE, true],
  ["failed", WHOLE, true],
  ["shed", WHOLE, true],
  ["retried", WHOLE, true],
  ["bad_frames", WHOLE, true],
  ["strays", WHOLE, true],
  ["p50_ms", PERCENTILE, true],
  ["p95_ms", PERCENTILE, true],
  ["p99_ms", PERCENTILE, true],
  ["duplicates", WHOLE, false],
  ["repeated", WHOLE, false],
  ["watermark_ms", WHOLE, false],
  ["part", WHOLE, false],
  ["backlog_bytes", WHOLE, false],
  ["longest_turn_us", WHOLE, false],
  ["lag_ms", WHOLE, false],
  ["sink_ms", WHOLE, false],
  ["config_errors", WHOLE, false],
  ["stored", WHOLE, false],
  ["kept", WHOLE, false],
  ["kept_bytes", WHOLE, false],
  ["store_errors", WHOLE, false],
  ["store_lost", WHOLE, false],
  ["sojourns", SOJOURNS, false],
];

/** The keys that can be changed while a board runs: what adopts a change, the unit, and
 * what is allowed. */
export const KEYS = {
  "rate": {
    "adopter": "bucket",
    "unit": "tokens",
    "allowed": "an integer from 0 to 1073741823 or null"
  },
  "per_ms": {
    "adopter": "bucket",
    "unit": "ms",
    "allowed": "an integer from 1 to 86400000"
  },
  "burst": {
    "adopter": "bucket",
    "unit": "tokens",
    "allowed": "an integer from 1 to 1073741823"
  },
  "limit": {
    "adopter": "limit",
    "unit": "records",
    "allowed": "an integer from 1 to 65535 or null"
  },
  "target_ms": {
    "adopter": "control",
    "unit": "ms",
    "allowed": "an integer from 1 to 3600000"
  },
  "kp": {
    "adopter": "control",
    "unit": "",
    "allowed": "integers in a list [0 to 65535, 1 to 65535]"
  },
  "ki": {
    "adopter": "control",
    "unit": "",
    "allowed": "integers in a list [0 to 65535, 1 to 65535]"
  },
  "kd": {
    "adopter": "control",
    "unit": "",
    "allowed": "integers in a list [0 to 65535, 1 to 65535]"
  },
  "limit_floor": {
    "adopter": "control",
    "unit": "records",
    "allowed": "an integer from 1 to 65535 or null"
  },
  "calm": {
    "adopter": "control",
    "unit": "",
    "allowed": "integers in a list [0 to 1000, 0 to 3600000, -1000 to 1000] or null"
  },
  "rush": {
    "adopter": "control",
    "unit": "",
    "allowed": "integers in a list [0 to 1000, 0 to 3600000, -1000 to 1000] or null"
  },
  "interval_ms": {
    "adopter": "control",
    "unit": "ms",
    "allowed": "an integer from 1 to 3600000"
  },
  "rate_low": {
    "adopter": "control",
    "unit": "tokens",
    "allowed": "an integer from 1 to 1073741823"
  },
  "rate_step": {
    "adopter": "control",
    "unit": "tokens",
    "allowed": "an integer from 1 to 536870911 or null"
  },
  "rate_keep": {
    "adopter": "control",
    "unit": "",
    "allowed": "integers in a list [0 to 32767, 1 to 32767]"
  },
  "watermark_half_ms": {
    "adopter": "control",
    "unit": "ms",
    "allowed": "an integer from 1 to 60000"
  },
  "trial_errors_pct": {
    "adopter": "trial",
    "unit": "points",
    "allowed": "an integer from 0 to 100"
  },
  "trial_p95_pct": {
    "adopter": "trial",
    "unit": "%",
    "allowed": "an integer from 0 to 1000"
  }
};
