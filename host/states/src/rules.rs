//! Every rule that a definition can break: its code, and what to know about it.
//!
//! The parser and the lints name rules by their codes; tools that show problems take
//! the explanations from here (`docs/lints.md`, SARIF).

use crate::diagnostic::Severity;

/// A rule of the validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name, as in [`Diagnostic::code`](crate::Diagnostic::code).
    pub code: &'static str,
    /// How bad it is to break it; where that depends, the worst.
    pub severity: Severity,
    /// Whether Step Functions has the rule under that code.
    pub is_aws: bool,
    /// What is wrong, in a few words.
    pub summary: &'static str,
    /// Why it matters and what to do, in a few sentences.
    pub help: &'static str,
}

/// All rules: errors first, then warnings, each by their codes.
pub const RULES: &[Rule] = &[
    Rule {
        code: "COMPONENT_MISSING",
        severity: Severity::Error,
        is_aws: false,
        summary: "a Task names a component that the tenant does not have",
        help: "Checked when a definition is deployed. Push the component first, or name another \
               version.",
    },
    Rule {
        code: "DUPLICATE_FIELD",
        severity: Severity::Error,
        is_aws: false,
        summary: "a field stands twice in its object",
        help: "Of two fields with one name the last counts, and what the first one says is lost. \
               Among the author's own values (Parameters, Assign, Result, …) it is a warning.",
    },
    Rule {
        code: "DUPLICATE_STATE_NAME",
        severity: Severity::Error,
        is_aws: true,
        summary: "two states have one name",
        help: "A state's name is used once in the whole definition, branches and item processors \
               included.",
    },
    Rule {
        code: "GRANT_MISSING",
        severity: Severity::Error,
        is_aws: false,
        summary: "a Task's component sends HTTP requests, and the state grants it none",
        help: "Checked when a definition is deployed, by what the component imports \
               (wasi:http/outgoing-handler). Add 'Http' to the state's Grants with the hosts that \
               it may reach.",
    },
    Rule {
        code: "GRANT_NOT_ALLOWED",
        severity: Severity::Error,
        is_aws: false,
        summary: "a state grants what its tenant or the host does not allow",
        help: "Checked when a definition is deployed, and again for each request. The message \
               names the rules that are missing. The policy of a tenant is set by whoever runs the \
               host (stepwell policy set), the host's own rules are given with --allow-http.",
    },
    Rule {
        code: "INVALID_APPROVAL",
        severity: Severity::Error,
        is_aws: false,
        summary: "an approval's arguments cannot be read",
        help: "A Task with the resource stepwell:approval says in its Arguments (or Parameters) who \
               decides, by when, and what they fill in. What stands there as a fixed value is \
               checked when the definition is; what expressions give is checked when the state \
               asks, and fails it with Approval.Invalid.",
    },
    Rule {
        code: "INVALID_GRANT",
        severity: Severity::Error,
        is_aws: false,
        summary: "a Task's Grants cannot be read, or its resource could not use them",
        help: "Grants is Stepwell's own field: {\"Secrets\": [NAME or {Name, Reveal}], \"Http\": \
               [{Host, Methods, Paths, Schemes, Secrets}], \"Config\": [NAME]}, for Tasks that run \
               a component. Its values are fixed texts: what a task may do is read off the \
               definition, and no expression changes it.",
    },
    Rule {
        code: "INVALID_JSONATA_EXPRESSION",
        severity: Severity::Error,
        is_aws: true,
        summary: "a JSONata expression cannot be parsed",
        help: "The message is the parser's. An expression stands between '{%' and '%}', which \
               are the whole text.",
    },
    Rule {
        code: "INVALID_JSON_DESCRIPTION",
        severity: Severity::Error,
        is_aws: true,
        summary: "the text is no JSON",
        help: "Nothing else can be checked before the syntax is right.",
    },
    Rule {
        code: "INVALID_LABEL_NAME",
        severity: Severity::Error,
        is_aws: true,
        summary: "a distributed Map's Label cannot be used",
        help: "A Label becomes a part of ARNs: 1 to 40 characters, without spaces, control \
               characters and the signs that mean something there.",
    },
    Rule {
        code: "INVALID_STATE_NAME",
        severity: Severity::Error,
        is_aws: true,
        summary: "a state's name cannot be used",
        help: "A name has 1 to 80 characters and no control characters.",
    },
    Rule {
        code: "INVALID_VARIABLE_NAME",
        severity: Severity::Error,
        is_aws: true,
        summary: "an Assign gives a variable a name that it cannot have",
        help: "A name starts with a letter, goes on with letters, digits and '_', and has at most \
               80 characters.",
    },
    Rule {
        code: "INVALID_YAML_DESCRIPTION",
        severity: Severity::Error,
        is_aws: false,
        summary: "the text is no YAML, or YAML that says more than JSON can",
        help: "A definition is one document without tags; anchors are allowed, within bounds.",
    },
    Rule {
        code: "MISSING_END_STATE",
        severity: Severity::Error,
        is_aws: true,
        summary: "no state ends the workflow, branch or item processor",
        help: "Some state needs 'End': true, or the type Succeed or Fail.",
    },
    Rule {
        code: "MISSING_TRANSITION_TARGET",
        severity: Severity::Error,
        is_aws: true,
        summary: "a transition names a state that is not there",
        help: "StartAt, Next and Default name a state of the same 'States' object; upper and \
               lower case matter. (Step Functions uses this code also for states that nothing \
               leads to; see UNREACHABLE_STATE.)",
    },
    Rule {
        code: "RESERVED_VARIABLE_NAME",
        severity: Severity::Error,
        is_aws: true,
        summary: "an Assign names the variable 'states'",
        help: "$states is what expressions read input, result and context from. Choose another \
               name.",
    },
    Rule {
        code: "SCHEMA_VALIDATION_FAILED",
        severity: Severity::Error,
        is_aws: true,
        summary: "a field is missing, unknown, or has a value that it cannot have",
        help: "Fields belong to state types and query languages; values have types and bounds. \
               The message names the field, the hint what to write instead.",
    },
    Rule {
        code: "UNSUPPORTED_JSONATA_EXPRESSION",
        severity: Severity::Error,
        is_aws: true,
        summary: "a JSONata expression refers to what is not there",
        help: "Expressions have no context document: paths start from $states or from a \
               variable. $eval is not supported, and $states.errorOutput exists in catchers only.",
    },
    Rule {
        code: "CATCH_NEVER_MATCHES",
        severity: Severity::Warning,
        is_aws: false,
        summary: "an entry of Catch can never apply",
        help: "Entries are tried in order: an earlier one takes all of its errors, or nothing \
               raises or catches them (States.Runtime is never caught; no state raises unknown \
               names with 'States.'). Put the narrower entry first, or remove it.",
    },
    Rule {
        code: "CHOICE_WITHOUT_DEFAULT",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a Choice has no Default",
        help: "Input that no rule takes fails the execution, and nothing can catch that. Add a \
               Default; it may lead to a Fail that says what was not expected.",
    },
    Rule {
        code: "CONFIG_MISSING",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a Task's Grants name a configuration value that is not set",
        help: "Checked when a definition is deployed, for callers who may see which values there \
               are. Set it before the state is entered: until then the task gets none.",
    },
    Rule {
        code: "GRANT_NOT_USABLE",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a state grants what its component cannot use",
        help: "The component does not import the interface that the grant is about. Remove the \
               grant: whoever reviews the definition takes it for something that the task does.",
    },
    Rule {
        code: "HEARTBEAT_NOT_BELOW_TIMEOUT",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a Task's heartbeat is not shorter than its timeout",
        help: "The timeout always comes first, so that the heartbeat is without effect.",
    },
    Rule {
        code: "INTEGRATION_NEEDS_BINDING",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a Task uses an integration that only a bound component can serve",
        help: "Stepwell runs other services' integrations by components that the tenant binds to \
               them (stepwell bind). Unbound, the Task fails when it is reached.",
    },
    Rule {
        code: "LOOP_WITHOUT_WAIT",
        severity: Severity::Warning,
        is_aws: false,
        summary: "states form a loop in which no time passes",
        help: "No state of the loop waits (a Wait, or a Task that waits for somebody), so it may \
               turn as fast as the host can, and fill the history. Put a Wait into it, or allow \
               the lint where the loop is short by construction, as when it turns pages.",
    },
    Rule {
        code: "NO_DOLLAR",
        severity: Severity::Warning,
        is_aws: true,
        summary: "a value looks like a path or an intrinsic function, but is taken as text",
        help: "In JSONPath a field is computed only if its name ends in '.$'.",
    },
    Rule {
        code: "NO_PATH",
        severity: Severity::Warning,
        is_aws: true,
        summary: "a value looks like a path, but its field takes text",
        help: "Use the field whose name ends in 'Path': CausePath, StringEqualsPath, …",
    },
    Rule {
        code: "PASS_RESULT_IS_STATIC",
        severity: Severity::Warning,
        is_aws: true,
        summary: "a Pass state's Result holds a path, which is taken as text",
        help: "Result is passed on as it is written. Use Parameters to compute it.",
    },
    Rule {
        code: "RETRY_NEVER_MATCHES",
        severity: Severity::Warning,
        is_aws: false,
        summary: "an entry of Retry can never apply",
        help: "Entries are tried in order: an earlier one takes all of its errors, or they are \
               never retried (States.Runtime) or raised by nothing. Put the narrower entry first, \
               or remove it.",
    },
    Rule {
        code: "SECRET_IN_PLAIN_TEXT",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a value looks like a password, token or key",
        help: "Everybody who may read the definition or a history reads it too. Store it as a \
               secret, and grant it to the state. Change it if the definition was shared.",
    },
    Rule {
        code: "SECRET_MISSING",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a Task's Grants name a secret that the tenant does not have",
        help: "Checked when a definition is deployed, for callers who may see which secrets there \
               are. Set it before the state is entered: until then the task fails with \
               Stepwell.SecretNotFound.",
    },
    Rule {
        code: "TASK_WITHOUT_TIMEOUT",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a Task that waits for somebody has no timeout",
        help: "If nobody ever answers, the execution hangs until it is stopped. Give the Task \
               TimeoutSeconds; for one that reports progress, HeartbeatSeconds too; for an \
               approval, DeadlineSeconds. A component's call ends after fifteen minutes without \
               one.",
    },
    Rule {
        code: "TIMEOUT_BEYOND_EXECUTION",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a state may take longer than the whole execution",
        help: "The execution's own timeout comes first, and no Catch sees it. Make the state's \
               time shorter than the definition's TimeoutSeconds.",
    },
    Rule {
        code: "UNREACHABLE_STATE",
        severity: Severity::Warning,
        is_aws: false,
        summary: "nothing leads to a state",
        help: "The state never runs. Let a transition lead to it, or remove it. Step Functions \
               refuses definitions with states that no transition names.",
    },
    Rule {
        code: "VARIABLE_NEVER_ASSIGNED",
        severity: Severity::Warning,
        is_aws: false,
        summary: "a variable is read that nothing assigns",
        help: "Variables are seen in their own scope and in those inside it, but not inside a \
               distributed Map.",
    },
];

/// Finds a rule by its code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_in_order_and_each_is_there_once() {
        let order = |rule: &Rule| (rule.severity, rule.code);
        assert!(RULES.is_sorted_by(|a, b| order(a) < order(b)));
        assert_eq!(
            rule("NO_PATH").map(|rule| rule.severity),
            Some(Severity::Warning)
        );
        assert_eq!(rule("NO_SUCH_RULE"), None);
    }

    #[test]
    fn the_guide_explains_every_rule() {
        let guide = include_str!("../../../docs/lints.md");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let guide = words(guide);
        for rule in RULES {
            let mark = if rule.is_aws { " (AWS)" } else { "" };
            let head = format!("### `{}`{mark} ", rule.code);
            assert!(guide.contains(&head), "docs/lints.md lacks {head}");
            assert!(
                guide.contains(&words(rule.help)),
                "docs/lints.md says other of {}",
                rule.code
            );
        }
    }
}
