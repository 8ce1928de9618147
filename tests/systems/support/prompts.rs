//! A person at a terminal who answers what comes, in whatever order.

use super::terminal::Terminal;
use rexpect::reader::ReadUntil;

impl Terminal {
    /// Answers each of these prompts whenever it comes, until the program ends: the whole screen and the exit status.
    pub fn answers_until_it_ends(mut self, answers: &[(&str, &str)]) -> (String, i32) {
        loop {
            let prompts = answers.iter().map(|(prompt, _)| ReadUntil::String((*prompt).to_owned()));
            match self.session.exp_any(prompts.chain([ReadUntil::EOF]).collect()) {
                Ok((before, found)) => {
                    self.screen += &format!("{before}{found}");
                    let Some((_, answer)) = answers.iter().find(|(prompt, _)| *prompt == found) else {
                        return self.ends();
                    };
                    self.types(answer);
                }
                Err(error) => panic!("{error}\nthe screen before it:\n{}", self.screen),
            }
        }
    }
}
