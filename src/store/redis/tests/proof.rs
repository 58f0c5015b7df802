//! What is told as kept, when another server takes over between a step and its proof.

use super::node::Answers;
use super::step_run::{Next, Run};
use super::*;
use crate::store::Step;

/// What the script answers when a step was done.
fn applied(now_ms: i64) -> Value {
    Value::List(vec![Value::Int(1), Value::Int(now_ms)])
}

/// What it answers when other records were there.
fn found(now_ms: i64, record: Option<&[u8]>) -> Value {
    let record = record.map_or(Value::Nil, |record| Value::Text(record.to_vec()));
    Value::List(vec![Value::Int(0), Value::Int(now_ms), record])
}

fn answer(value: Value, is_proven: bool) -> Result<Answers, Failure> {
    Ok(Answers { values: vec![value], proof: is_proven.then_some(Value::Int(1)) })
}

/// A step that puts a record there and is to be proven, after the server carried it out without a proof.
fn unproven(engine: &RedisEngine) -> Run {
    let name = Name::player("o1");
    let decide = move |view: &View<'_>| {
        let mut changes = Changes::default();
        view.get(&name)?;
        changes.put(name.clone(), Some(b"new".to_vec()), None);
        Ok(changes)
    };
    let step = Step { reads: vec![Name::player("o1")], proven: true, trace: None, decide: Box::new(decide) };
    let mut run = Run::new(step).unwrap();
    for said in [found(1000, None), applied(1001)] {
        assert!(matches!(run.next(&engine.core), Next::Ask(_)));
        run.take(&engine.core, answer(said, false));
    }
    assert!(matches!(run.next(&engine.core), Next::Ask(_)), "it asks for the proof");
    run
}

#[test]
fn what_another_server_never_had_it_does_not_prove() {
    let engine = open(APPID, "proof");
    let mut run = unproven(&engine);
    run.take(&engine.core, answer(applied(1002), true));
    assert!(matches!(run.next(&engine.core), Next::Done(Ok(_))));

    let mut run = unproven(&engine);
    run.take(&engine.core, answer(found(1002, Some(b"old")), true));
    match run.next(&engine.core) {
        Next::Done(Err(e)) => assert_eq!(e.retry, crate::error::Retry::Unsafe, "{e}"),
        _ => panic!("it is told as kept, and is lost"),
    }
}

#[test]
fn a_proof_is_asked_for_with_what_it_is_for() {
    let engine = open(APPID, "proven-with");
    let Next::Ask(request) = unproven(&engine).next(&engine.core) else { panic!("it asks for the proof") };
    let Command::Script(_, arguments) = &request.commands[0] else { panic!("{request:?}") };
    assert!(arguments.iter().any(|argument| argument == b"=new"), "{arguments:?}");
}
