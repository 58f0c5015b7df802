//! Ports that stay ours while nobody listens on them.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A free port on loopback. It is outside the range that the system hands out, so that a server that was killed finds
/// it free again; and its UDP twin is held, by which other tests see that it is taken.
pub struct Port {
    number: u16,
    _taken: UdpSocket,
}

impl Port {
    pub fn take() -> Port {
        for _ in 0..1000 {
            let number = fastrand::u16(10_000..32_000);
            let Ok(taken) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else { continue };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Port { number, _taken: taken };
            }
        }
        panic!("no port is free");
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}
