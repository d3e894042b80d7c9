//! One situation a file. One binary, because six channels link slowly.

mod capacity_zero;
mod close;
mod documented;
mod receive_ahead;
mod receive_served;
mod receive_woken;
mod select_receives;
mod select_send;
mod send_parked;
mod send_unpolled;
mod unpolled;
mod waker_changed;
