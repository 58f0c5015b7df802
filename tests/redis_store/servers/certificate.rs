//! A CA of our own, and what it signs.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The files of a certificate for localhost and 127.0.0.1, and of the CA behind it.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    pub fn make(folder: &Path) -> Certificate {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "wxsub tests' throw-away CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().expect("a key");
        let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut leaf = CertificateParams::new(names).expect("two names");
        leaf.use_authority_key_identifier_extension = true;
        let certificate = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).expect("a certificate");

        Certificate {
            ca: write(folder, "ca.pem", ca_certificate.pem()),
            certificate: write(folder, "server.pem", certificate.pem()),
            key: write(folder, "server.key", key.serialize_pem()),
        }
    }

    /// A CA's own one, which is no server's.
    pub fn of_a_ca(folder: &Path) -> Certificate {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut ca = CertificateParams::new(names).expect("two names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let path = write(folder, "own.pem", ca.self_signed(&key).expect("a certificate").pem());
        Certificate { ca: path.clone(), certificate: path, key: write(folder, "own.key", key.serialize_pem()) }
    }
}

fn write(folder: &Path, name: &str, pem: String) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, pem).expect("a writable folder");
    path
}
