//! What the user expects of an object: context, floor and provenance. Others are refused before any
//! plaintext.

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
    /// Parses the arguments. `inputs` is the number of inputs.
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

    /// Returns the library's form. The given pairs must be among the object's; without any, every
    /// context is accepted.
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
