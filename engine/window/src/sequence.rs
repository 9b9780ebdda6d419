//! STUB
use crate::state::*;
use larum_event::{Sequence, Timestamp};
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone)]
pub(crate) struct Following;
impl Following {
    pub(crate) fn new(_s: &Sequence, _p: usize, _e: usize) -> Self {
        Self
    }
}
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct SequenceState;
impl SequenceState {
    pub(crate) fn pass(&mut self, _b: Timestamp, _r: &Following, _t: &mut Told) {}
    pub(crate) fn take(&mut self, _e: &Taken, _r: &Following, _t: &mut Told) {}
    pub(crate) fn due(&self, _r: &Following) -> Option<Timestamp> {
        None
    }
    pub(crate) fn close(&mut self, _r: &Following, _t: &mut Told) {}
    pub(crate) fn events(&self) -> usize {
        0
    }
    pub(crate) fn view(&self, _r: &Following) -> StateView {
        StateView::default()
    }
    pub(crate) fn is_sound(&self, _r: &Following) -> bool {
        true
    }
}
