use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, Sleep};

use crate::answer::Answer;
use crate::call::Call;
use crate::control;
use crate::endpoint::Endpoint;
use crate::flow::{self, Reply};
use crate::guard;
use crate::phone;
use crate::shared::Shared;
use crate::wire::{End, Script, WireControl};

pub(crate) type ReplyBody = Either<Full<Bytes>, Drip>;

const MAX_BODY: usize = 4 << 20;

/// One HTTP request, WeChat's or a control call.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    wire: &WireControl,
    connection: u64,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if let Some(own) = Own::of(path) {
        wire.mark_sim();
        if let Err(why) = guard::check(&head.headers) {
            return Ok(whole(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", why.into()));
        }
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                return Ok(whole(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", Bytes::new()));
            }
        };
        return Ok(match own {
            Own::Controls => {
                let (status, content_type, text) = control::serve(shared, &head.method, &head.uri, &body).await;
                whole(status, content_type, text.into())
            }
            Own::Phone => phone::serve(&head.method, path, &body).await.map(|body| Either::Left(Full::new(body))),
        });
    }
    // Head of wechat-api.md: 412 with an empty body, before anything is looked at.
    if head.method == Method::POST && !head.headers.contains_key(CONTENT_LENGTH) {
        shared.world.lock().counters.without_length += 1;
        return Ok(whole(StatusCode::PRECONDITION_FAILED, "text/plain", Bytes::new()));
    }
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            wire.play(Script::end(End::Close));
            return Ok(whole(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", Bytes::new()));
        }
    };
    let target = head.uri.path_and_query().map_or(path, |t| t.as_str());
    let call = Call::new(Endpoint::of(path), head.method.as_str(), target, &body, connection);
    Ok(match flow::run(shared, call).await {
        Reply::Answer(answer) => {
            let (status, content_type) = head_of(&answer);
            whole(status, &content_type, answer.body.into())
        }
        Reply::Drip(answer, gap) => {
            let (status, content_type) = head_of(&answer);
            response(status, &content_type, Either::Right(Drip::new(answer.body.into(), gap)))
        }
        Reply::Wire(script) => {
            wire.play(script);
            whole(StatusCode::OK, "text/plain", Bytes::new())
        }
        // Ends with the connection; the flight in it then notes that the caller went away.
        Reply::Never(_flight) => match std::future::pending::<Infallible>().await {},
    })
}

/// What is the simulator's own and not WeChat's.
enum Own {
    Controls,
    Phone,
}

impl Own {
    fn of(path: &str) -> Option<Self> {
        match path.split('/').nth(1) {
            Some("sim") => Some(Self::Controls),
            Some("phone") => Some(Self::Phone),
            _ => None,
        }
    }
}

fn head_of(answer: &Answer) -> (StatusCode, String) {
    (StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK), answer.content_type.clone())
}

fn whole(status: StatusCode, content_type: &str, body: Bytes) -> Response<ReplyBody> {
    response(status, content_type, Either::Left(Full::new(body)))
}

fn response(status: StatusCode, content_type: &str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// A body that comes a byte at a time.
pub(crate) struct Drip {
    rest: Bytes,
    gap: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Drip {
    fn new(rest: Bytes, gap: Duration) -> Self {
        Self { rest, gap, sleep: Box::pin(tokio::time::sleep(gap)) }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.sleep.as_mut().poll(cx));
        let next = Instant::now() + self.gap;
        self.sleep.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
