//! What an object has to be, or it is refused before any of its plaintext: its context, its floor,
//! and who can have made it.

use keystead::{Context, Expected, Floor};

use super::parse_context;
use crate::args;
use crate::failure::{Failure, Result};

pub(in crate::verbs) struct Expectations {
    context: Context,
    floor: Option<Floor>,
    held: bool,
}

impl Expectations {
    /// `inputs` is how many there are, more than one where folders are taken.
    pub(in crate::verbs) fn of(
        args: &args::Expectations,
        inputs: usize,
        recursive: bool,
    ) -> Result<Self> {
        let floor = args.floor.as_deref().map(str::parse).transpose();
        let floor = floor.map_err(|error| Failure::at("--floor", error))?;
        if floor.is_some() && (inputs > 1 || recursive) {
            return Err(Failure::usage("--floor is of one object, so it takes one input")
                .hint("run it once for each object, each with its own floor"));
        }
        Ok(Self { context: parse_context(&args.context)?, floor, held: args.require_holder })
    }

    /// The pairs given must be among the object's; without any, every context is taken.
    pub(in crate::verbs) fn expected(&self) -> Expected<'_> {
        let mut expected = match self.context.is_empty() {
            true => Context::unchecked(),
            false => self.context.included(),
        };
        if let Some(floor) = self.floor {
            expected = expected.not_before(floor);
        }
        if self.held { expected.require_holder() } else { expected }
    }
}
