//! TLS to an engine, with certificates in Docker's layout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::connect::Connection;
use crate::text::clean;
use crate::{EngineError, TlsMaterial};

/// A TLS client for one host.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl Client {
    pub(crate) async fn new(host: &str, material: &TlsMaterial) -> Result<Self, EngineError> {
        let server_name =
            ServerName::try_from(host.to_owned()).map_err(|_| EngineError::InvalidAddress {
                address: host.to_owned(),
                reason: "it is not a name that a certificate can have".to_owned(),
            })?;
        let material = material.clone();
        // Certificates may be on a slow disk, and the system has hundreds of files.
        let config = tokio::task::spawn_blocking(move || client_config(&material))
            .await
            .map_err(|error| EngineError::Tls {
                address: host.to_owned(),
                reason: clean(&error.to_string()),
            })??;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
        })
    }

    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        address: &str,
    ) -> Result<Box<dyn Connection>, EngineError> {
        match self
            .connector
            .connect(self.server_name.clone(), stream)
            .await
        {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(EngineError::Tls {
                address: address.to_owned(),
                reason: match error
                    .get_ref()
                    .and_then(|e| e.downcast_ref::<rustls::Error>())
                {
                    Some(error) => in_words(error),
                    None => clean(&error.to_string()),
                },
            }),
        }
    }
}

/// Explains a TLS error to a user who does not know the library.
pub(crate) fn in_words(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;

    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => {
                "the engine's certificate is not signed by the certificate authority of this endpoint".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the engine's certificate is for another host name".to_owned()
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the engine's certificate has expired".to_owned()
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the engine's certificate is not valid yet".to_owned()
            }
            other => clean(&format!("the engine's certificate is refused: {other:?}")),
        },
        rustls::Error::AlertReceived(alert) => clean(&format!(
            "the engine refuses our certificate or our way of encrypting ({alert:?})"
        )),
        rustls::Error::InvalidMessage(_) => "what is listening there does not speak TLS".to_owned(),
        other => clean(&other.to_string()),
    }
}

fn client_config(material: &TlsMaterial) -> Result<ClientConfig, EngineError> {
    let provider = Arc::new(ring::default_provider());
    let unusable = |path: &Path, reason: String| EngineError::InvalidConfiguration {
        path: path.to_owned(),
        reason,
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(Path::new("TLS"), error.to_string()))?;
    let verifier: Arc<dyn ServerCertVerifier> = if material.skip_verify {
        Arc::new(AcceptAny { provider })
    } else {
        let roots = roots(material.ca.as_deref())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| {
                let path = material
                    .ca
                    .clone()
                    .unwrap_or_else(|| PathBuf::from("The system's certificates"));
                unusable(&path, error.to_string())
            })?
    };
    // The `dangerous` API is needed for any custom verifier, even a strict one.
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let (Some(cert), Some(key)) = (&material.cert, &material.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(cert)?;
    let private_key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error.to_string()))?;
    builder
        .with_client_auth_cert(chain, private_key)
        .map_err(|error| unusable(cert, error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, EngineError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| EngineError::InvalidConfiguration {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// The trusted authorities: only the endpoint's own if it has one, as Docker does.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, EngineError> {
    let mut roots = RootCertStore::empty();
    let certificates = match ca {
        Some(ca) => certificates(ca)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    Ok(roots)
}

/// For endpoints whose user has disabled verification (`SkipTLSVerify`).
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
