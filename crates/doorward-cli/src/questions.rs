//! Getting answers: from flags first, then from defaults if that was agreed to, then from a person.

use std::io::IsTerminal as _;

use doorward::policy::{Answers, Question};

use crate::exit::{Exit, Failure};

/// Parses `--set id=a,b`.
pub(crate) fn from_flags(set: &[String]) -> Result<Answers, Failure> {
    let mut answers = Answers::new();
    for text in set {
        let Some((id, values)) = text.split_once('=') else {
            return Err(
                Failure::new(Exit::Usage, format!("`--set {text}` has no `=`")).help("write `--set question=value`")
            );
        };
        let values = values.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        answers.entry(id.trim().to_owned()).or_default().extend(values);
    }
    Ok(answers)
}

/// Refuses answers to questions that were not asked, and choices that were not offered: a typing mistake must not
/// silently leave a door as it is.
pub(crate) fn check(questions: &[Question], answers: &Answers) -> Result<(), Failure> {
    for (id, values) in answers {
        let Some(question) = questions.iter().find(|question| question.id == *id) else {
            let known: Vec<&str> = questions.iter().map(|question| question.id.as_str()).collect();
            return Err(Failure::new(Exit::Usage, format!("there is no question `{id}`"))
                .help(format!("the questions are {}", known.join(", "))));
        };
        let offered = |value: &String| question.choices.is_empty() || question.choices.contains(value);
        if let Some(value) = values.iter().find(|value| !offered(value)) {
            return Err(Failure::new(Exit::Usage, format!("`{value}` is no answer to `{id}`"))
                .help(format!("choose from: {}", question.choices.join(", "))));
        }
    }
    Ok(())
}

/// Asks what is still open. Without a terminal, the open questions are the failure.
pub(crate) fn ask(questions: &[Question], answers: &mut Answers, yes: bool) -> Result<(), Failure> {
    let open: Vec<&Question> = questions.iter().filter(|question| !answers.contains_key(&question.id)).collect();
    if yes || open.is_empty() {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        let mut failure =
            Failure::new(Exit::InputNeeded, "questions are open, and there is no terminal to ask them on")
                .help("answer with `--set question=value`, or take the defaults with `--yes`");
        failure.questions = open.into_iter().cloned().collect();
        return Err(failure);
    }
    for question in open {
        let values =
            prompt(question).map_err(|error| Failure::new(Exit::InputNeeded, format!("no answer: {error}")))?;
        answers.insert(question.id.clone(), values);
    }
    Ok(())
}

fn prompt(question: &Question) -> std::io::Result<Vec<String>> {
    cliclack::note(&question.text, question.evidence.join("\n"))?;
    if question.choices.is_empty() {
        let answer: String =
            cliclack::input("Comma separated").default_input(&question.default.join(",")).required(false).interact()?;
        return Ok(answer.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect());
    }
    let items: Vec<(String, &str, &str)> =
        question.choices.iter().map(|choice| (choice.clone(), choice.as_str(), "")).collect();
    cliclack::multiselect("Space selects, Enter confirms; nothing selected means closed")
        .items(&items)
        .required(false)
        .interact()
}
