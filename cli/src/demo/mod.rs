//! `demo`: runs the whole cycle on real files. Each step is measured and says what it proves; any
//! surprise ends the demo.

mod customer;
mod files;
mod provider;
mod sandbox;
mod step_printer;
mod tamper;

use crate::args::Demo;
use crate::failure::Result;
use crate::report::{Report, shown};
use sandbox::Sandbox;
use step_printer::StepPrinter;
pub(crate) use step_printer::{format_count, format_rate, format_size};

pub(crate) fn run(args: &Demo, report: &Report) -> Result<u8> {
    let mut teller = StepPrinter::new(report);
    teller.intro(&[
        "A customer encrypts files before a storage provider gets them. The customer's keys stay home.",
        "Everything below happens now, on real files, without a network.",
    ])?;
    let mut stage = Sandbox::new(args.keep.as_deref())?;

    teller.step("collect", || files::collect(&mut stage, &args.path))?;
    teller.step("make keys", || customer::make_keys(&stage))?;
    let file = customer::keys(&stage)?;
    let old = file.keys();
    teller.step("encrypt", || customer::encrypt(&stage, &file.recipients()))?;
    teller.step("look", || provider::look(&stage))?;
    teller.step("search", || provider::search(&stage))?;
    teller.step("read a range", || customer::read_range(&stage, &old))?;
    let new = customer::new_key(&stage)?.keys();
    teller.step("rewrap", || customer::rewrap(&stage, &old, &new.recipients()))?;
    teller.step("old keys", || customer::try_old_keys(&stage, &old))?;
    teller.step("flip a bit", || tamper::flip(&stage, &new))?;
    teller.step("cut an object", || tamper::cut(&stage, &new))?;
    teller.step("swap two objects", || tamper::swap(&stage, &new))?;
    teller.step("decrypt", || customer::decrypt(&stage, &new))?;

    let kept = stage.finish()?;
    teller.end(kept.as_deref().map(shown))?;
    Ok(0)
}
