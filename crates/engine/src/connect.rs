//! Opens the byte stream to an engine, whatever it is made of.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream to an engine.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Opens a byte stream to an engine that no [`crate::Address`] describes.
pub type Dialer =
    Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn Connection>>> + Send + Sync>;
