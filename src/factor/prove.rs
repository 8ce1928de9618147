//! A new key is proved by a code of it. Pure.

use crate::factor::attempt::{self, Attempt, Outcome};
use crate::factor::change::{ChangeError, Proof};
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::record::{DeviceState, Record};
use crate::factor::secret::Answer;
use crate::factor::source::Source;
use crate::factor::throttle::Limits;

/// Proves a key of which the record knows nothing yet.
pub fn prove_new(device: &Device, code: &Answer, now: u64, window: u64) -> Result<DeviceState, ChangeError> {
    prove(device, &Proof::Code(code.clone()), &Record::default(), now, window)
}

/// The state line of a device that has been proved.
pub fn prove(
    device: &Device,
    proof: &Proof,
    record: &Record,
    now: u64,
    window: u64,
) -> Result<DeviceState, ChangeError> {
    let start = match device.kind {
        Kind::Totp { .. } => 0,
        Kind::Hotp { start } => start,
    };
    let known = record.device(&device.id).and_then(|line| line.last).max(record.last_unread(&device.id));
    let known = known.unwrap_or_default().max(start);
    let line = DeviceState { id: device.id.clone(), last: Some(known), drift: Some(0), at: None };
    let answer = match proof {
        Proof::Code(answer) => answer,
        Proof::Before(proved) => return Ok(proved.clone()),
        Proof::None => return Ok(line),
    };
    // Judged by the decision itself, in a record of its own: no lane, no wait, and nothing counted. Nor is it
    // anybody's.
    let enrollment = Enrollment { user: String::new(), uid: 0, devices: vec![device.clone()], backup_codes: None };
    let barred = record.barred.clone();
    let alone = Record { devices: vec![line], barred, ..Record::default() };
    let attempt = Attempt {
        enrollment: &enrollment,
        answer,
        stretched: None,
        source: Source::Local,
        now,
        window,
        limits: Limits::default(),
    };
    let decision = attempt::decide(&attempt, &alone);
    match (decision.outcome, decision.write) {
        (Outcome::Accepted { .. }, Some(proved)) => {
            let line = proved.devices.into_iter().next().ok_or(ChangeError::WrongCode { clock_off: None })?;
            Ok(DeviceState { at: None, ..line })
        }
        (Outcome::Used { .. } | Outcome::Later { .. }, _) => Err(ChangeError::UsedCode),
        _ => Err(ChangeError::WrongCode { clock_off: attempt.clock_off() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::otp::hotp;
    use crate::factor::secret::Secret;

    const NOW: u64 = 1_795_287_600;
    const STEP: u64 = NOW / 30;

    fn device() -> Device {
        Device::with_key(Secret::from_bytes(vec![7; 20].into()), "phone", NOW)
    }

    fn token() -> Device {
        Device { kind: Kind::Hotp { start: 5 }, ..device() }
    }

    fn shown(step: u64) -> Answer {
        let device = device();
        Answer::new(hotp(device.secret.as_bytes(), step, device.algorithm, device.digits).as_bytes())
    }

    fn known(last: u64) -> Record {
        let line = DeviceState { id: device().id, last: Some(last), drift: Some(1), at: Some(9) };
        Record { devices: vec![line], ..Record::default() }
    }

    #[test]
    fn one_table_of_proofs() {
        let line = |last| Ok(DeviceState { id: device().id, last: Some(last), drift: Some(0), at: None });
        let wrong = |clock_off| Err(ChangeError::WrongCode { clock_off });
        let (none, before) = (Record::default(), known(STEP - 9));
        let cases = [
            (device(), shown(STEP), &none, line(STEP)),
            (device(), shown(STEP), &before, line(STEP)),
            (device(), shown(STEP), &known(STEP), Err(ChangeError::UsedCode)),
            (device(), shown(STEP + 20), &none, wrong(Some(600))),
            (device(), Answer::new(b"no code"), &none, wrong(None)),
            (token(), shown(5), &none, line(6)),
            (token(), shown(4), &none, Err(ChangeError::UsedCode)),
            (token(), shown(50), &none, wrong(None)),
            (token(), shown(8), &known(9), Err(ChangeError::UsedCode)),
            (token(), shown(9), &known(9), line(10)),
        ];
        for (row, (device, code, record, expected)) in cases.into_iter().enumerate() {
            let result = prove(&device, &Proof::Code(code.clone()), record, NOW, 1);
            assert_eq!(result.map(|line| DeviceState { drift: Some(0), ..line }), expected, "row {row}");
            if *record == none {
                assert_eq!(prove_new(&device, &code, NOW, 1).map(|line| line.last), expected.map(|line| line.last));
            }
        }
    }

    /// A key that is set again does not get used codes back, whether or not a code proves it.
    #[test]
    fn without_a_code_the_line_is_what_is_known() {
        let line = |last| Ok(DeviceState { id: device().id, last: Some(last), drift: Some(0), at: None });
        assert_eq!(prove(&device(), &Proof::None, &Record::default(), NOW, 1), line(0));
        assert_eq!(prove(&device(), &Proof::None, &known(3), NOW, 1), line(3));
        assert_eq!(prove(&token(), &Proof::None, &known(3), NOW, 1), line(5));
        let proved = DeviceState { id: "x".into(), last: Some(8), drift: Some(2), at: Some(7) };
        assert_eq!(prove(&device(), &Proof::Before(proved.clone()), &known(9), NOW, 1), Ok(proved));
    }
}
