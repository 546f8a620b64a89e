//! The supervisor with a driver that needs no virtual machine, and what every driver has to keep.

mod contract;
mod fake;
mod life;
mod places;
mod ports;
