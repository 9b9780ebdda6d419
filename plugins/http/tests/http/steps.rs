//! What a listener is told of the steps of a workflow (2-12).

use serde_json::json;

use crate::client::open;
use crate::listening::welcomed;

#[actix_web::test]
async fn a_listener_is_told_root_parent_stage_and_tags_of_a_step() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    listener.subscribe(json!({})).await;
    let correlation = json!({
        "root": "case-7", "parent": "detection-1", "stage": "collection",
        "tags": {"analyst": "ann", "investigation_id": "INV-7"},
    });
    let event = json!({
        "id": "1", "type": "work.done", "source": "agent", "correlationId": "collection-1",
        "correlation": correlation, "data": {},
    });
    door.post("application/x-ndjson", event.to_string()).await;
    let heard = listener.hear().await;
    assert_eq!(heard["eventData"]["correlationId"], "collection-1");
    assert_eq!(heard["eventData"]["correlation"], correlation);
}
