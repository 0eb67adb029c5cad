//! Guests through the whole host: what hostile ones may do, and what good ones make.

mod capabilities;
mod flows;
mod isolation;
mod limits;
mod order_flow;
