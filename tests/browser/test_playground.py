"""People at the playground: every widget, what comes out, what goes wrong."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import MODELS, in_module
from tests.browser.test_site import serious

DRAWING = MODELS / "mainspring" / "real-esrgan" / "drawing.png"


def field(page: Page, name: str) -> Locator:
    return page.get_by_label(name, exact=True)


def run(page: Page) -> None:
    page.get_by_role("button", name="Run").click()


def expect_status(page: Page, status: str) -> None:
    expect(page.locator(f".state[data-state={status}]")).to_be_visible(timeout=30_000)


def shown(page: Page, tab: str) -> Locator:
    page.locator(".output-side").get_by_role("tab", name=tab).click()
    return page.get_by_role("log" if tab == "Logs" else "region", name=tab)


def code(page: Page, language: str) -> str:
    page.get_by_role("tab", name=language, exact=True).first.click()
    return page.get_by_label("The call as code").inner_text()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(b"\0\0" * 4000)
    return path


def test_every_kind_of_input_is_filled_and_sent(page: Page, clip: Path) -> None:
    page.goto("/mainspring/every-widget")
    field(page, "prompt").fill("say it")
    field(page, "mode").get_by_label("loud").check()
    field(page, "size").get_by_label("256").check()
    field(page, "steps").fill("41")
    page.locator("[data-name=guidance] input[type=range]").fill("12.5")
    expect(field(page, "guidance")).to_have_value("12.5")
    field(page, "count").fill("0")
    page.get_by_role("button", name="Roll a random seed").click()
    seed = int(field(page, "seed").input_value())
    field(page, "shout").check()
    field(page, "image").set_input_files(DRAWING)
    expect(page.locator("[data-name=image] .preview img")).to_be_visible()
    field(page, "audio").set_input_files(clip)
    expect(page.locator("[data-name=audio] .preview audio")).to_be_visible()
    field(page, "images").set_input_files([DRAWING, clip])
    expect(page.locator("[data-name=images] .item")).to_have_count(2)
    page.locator("[data-name=tags]").get_by_role("button", name="Remove").first.click()
    page.get_by_role("button", name="Add to tags").click()
    page.keyboard.type("three")
    page.get_by_role("button", name="Add to weights").click()
    page.keyboard.type("0.5")
    field(page, "key").fill("hunter22")
    field(page, "options").fill('{"deep": [1, {"x": null}]}')
    run(page)
    expect_status(page, "succeeded")
    output = json.loads(page.evaluate(OUTPUT, page.locator(".result-head a").get_attribute("href")))["output"]
    assert output == {
        "prompt": "SAY IT",
        "mode": "loud",
        "size": 256,
        "steps": 41,
        "guidance": 12.5,
        "count": 0,
        "seed": seed,
        "image": "89504e470d0a1a0a",
        "audio": clip.stat().st_size,
        "images": [DRAWING.stat().st_size, clip.stat().st_size],
        "tags": ["two", "three"],
        "weights": [0.5],
        "key": 8,
        "options": {"deep": [1, {"x": None}]},
        "note": None,
    }
    expect(shown(page, "Logs")).to_contain_text("given:")
    expect(shown(page, "JSON")).to_contain_text('source: "web"')
    assert "hunter22" not in code(page, "Python")


OUTPUT = "async (path) => (await fetch('/v1/predictions/' + path.split('/').pop())).text()"


def test_a_file_is_dropped_pasted_or_named_by_its_url(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    for name, happening in (("image", "drop"), ("audio", "paste")):
        page.locator(f"[data-name={name}] .drop").evaluate(
            """(box, happening) => {
              const carried = new DataTransfer();
              carried.items.add(new File(["RIFF1234"], `${happening}ped.bin`, { type: "application/octet-stream" }));
              const given = happening === "drop" ? { dataTransfer: carried } : { clipboardData: carried };
              const event = happening === "drop" ? new DragEvent("drop", { ...given, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { ...given, bubbles: true, cancelable: true });
              box.dispatchEvent(event);
            }""",
            happening,
        )
        expect(page.locator(f"[data-name={name}] .file-name")).to_contain_text(f"{happening}ped.bin")
    url = page.locator("[data-name=images]").get_by_label("File URL")
    url.fill("https://example.com/a/cat.png")
    url.press("Enter")
    expect(page.locator("[data-name=images] .file-name")).to_have_text("cat.png")
    field(page, "prompt").fill("hello")
    given = json.loads(code(page, "JSON"))["input"]
    assert given["images"] == ["https://example.com/a/cat.png"]
    assert given["image"] == "https://example.com/dropped.bin"


def test_a_picture_is_taken_and_a_sound_recorded(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    page.locator("[data-name=image]").get_by_role("button", name="Camera").click()
    expect(page.locator("dialog video")).to_have_js_property("videoWidth", 640)
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("[data-name=image] .file-name")).to_contain_text("photo.png")
    expect(page.locator("[data-name=image] .preview img")).to_have_js_property("naturalWidth", 640)
    sound = page.locator("[data-name=audio]")
    sound.get_by_role("button", name="Record").click()
    sound.get_by_role("button", name="Stop").click()
    expect(sound.locator(".file-name")).to_contain_text("recording.webm")
    expect(sound.locator("audio")).to_be_visible()


def test_what_is_wrong_is_told_at_its_field_and_in_the_summary(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    field(page, "steps").fill("400")
    field(page, "options").fill("{not json")
    run(page)
    summary = page.locator("[data-summary]")
    expect(summary).to_contain_text("3 inputs need another look")
    expect(field(page, "prompt")).to_be_focused()
    expect(field(page, "prompt")).to_have_attribute("aria-invalid", "true")
    expect(field(page, "prompt")).to_have_accessible_description(re.compile("prompt is required"))
    expect(page.locator("[data-name=steps] .fault")).to_have_text("steps has to be at most 100")
    expect(page.locator("[data-name=options] .fault")).to_contain_text("options is not valid JSON")
    summary.get_by_role("link", name="steps has to be at most 100").click()
    expect(field(page, "steps")).to_be_focused()
    field(page, "steps").fill("40")
    expect(page.locator("[data-name=steps] .fault")).to_be_hidden()
    expect(page.locator(".result")).to_have_count(0)


def test_what_the_server_refuses_is_told_at_its_field(page: Page) -> None:
    refusal = {
        "title": "Input validation failed",
        "detail": "- input.prompt: String length must be greater than or equal to 2\n",
        "status": 422,
        "invalid_fields": [
            {"type": "string_gte", "field": "prompt", "description": "String length must be at least 2"},
            {"type": "required", "field": "input", "description": "mode is required"},
        ],
    }
    page.route("**/v1/predictions", lambda route: route.fulfill(status=422, json=refusal))
    page.goto("/mainspring/every-widget")
    field(page, "prompt").fill("x y")
    run(page)
    expect(page.locator("[data-name=prompt] .fault")).to_have_text("prompt String length must be at least 2")
    expect(page.locator("[data-name=mode] .fault")).to_have_text("mode is required")
    expect(page.locator("[data-summary]")).to_contain_text("The server refused the input")


def test_the_real_server_refuses_in_words_that_land_at_the_field(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    body = {"version": "mainspring/every-widget", "input": {"prompt": "x", "steps": 1000}}
    refuse = "try { await module.call('/predictions', given); } catch (error) { return error.fields; }"
    refused = page.evaluate(in_module("api", refuse), {"method": "POST", "body": body})
    tell = "return module.serverFaults(given, ['prompt', 'steps']);"
    told = page.evaluate(in_module("schema", tell), refused)
    assert sorted(name for name, _ in told) == ["prompt", "steps"]


def test_tokens_appear_while_it_runs_and_it_is_canceled(page: Page) -> None:
    page.goto("/mainspring/tokens")
    field(page, "prompt").fill("**tick** ")
    field(page, "count").fill("500")
    field(page, "delay").fill("0.05")
    page.keyboard.press("Control+Enter")
    preview = page.get_by_role("region", name="Preview")
    expect(preview.locator("strong").nth(2)).to_be_visible()
    expect_status(page, "processing")
    expect(page.locator(".timeline-bar i[data-part=running]")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect_status(page, "canceled")
    assert 3 <= preview.locator("strong").count() < 500
    expect(page.get_by_role("button", name="Run")).to_be_enabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()


def test_a_few_short_choices_are_beside_each_other_for_keys_too(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    mode = page.get_by_role("radiogroup", name="mode")
    mode.get_by_role("radio", name="plain").focus()
    page.keyboard.press("ArrowRight")
    expect(mode.get_by_role("radio", name="loud")).to_be_checked()
    assert '"mode": "loud"' in code(page, "JSON")
    told = page.evaluate(
        in_module(
            "widgets",
            """const kinds = given.map((choices) => {
                 const made = module.widget({ kind: "choice", id: "i", labelId: "l", schema: { enum: choices } });
                 const first = made.get();
                 made.set(choices[1]);
                 return [made.control.getAttribute("role") ?? made.control.tagName, first ?? null, made.get()];
               });
               return kinds;""",
        ),
        [["a", "b"], [1, 2, 3, 4], ["1", "2", "3", "4", "5"], ["as it is", "with much of everything in it"]],
    )
    assert told == [
        ["radiogroup", None, "b"],
        ["radiogroup", None, 2],
        ["SELECT", None, "2"],
        ["SELECT", None, "with much of everything in it"],
    ]


def test_a_progress_bar_of_the_logs_is_drawn(page: Page) -> None:
    page.goto("/mainspring/maker")
    field(page, "delay").fill("0.4")
    run(page)
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible(timeout=30_000)
    expect(page.locator(".progress")).to_contain_text(re.compile(r"\d+ %, \d+ of 10"))
    page.get_by_role("button", name="Cancel").click()
    expect_status(page, "canceled")


def test_pictures_sound_and_pages_are_shown_as_what_they_are(page: Page) -> None:
    page.goto("/mainspring/maker")
    field(page, "what").select_option("pictures")
    run(page)
    expect(page.locator(".grid img")).to_have_count(4)
    expect_status(page, "succeeded")
    page.get_by_role("button", name="Zoom picture-1.png").click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download picture-2.png").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    field(page, "what").select_option("sound")
    run(page)
    expect(page.locator(".pane audio")).to_be_visible()
    expect(page.locator(".waveform svg")).to_be_visible()
    expect(page.locator(".file-line")).to_contain_text("16.0 kB")
    expect(page.locator(".pane audio")).to_have_js_property("duration", 1)
    field(page, "what").select_option("page")
    run(page)
    link = page.get_by_role("link", name="Download page.html")
    expect(link).to_be_visible()
    taken = page.context.new_page()
    taken.goto(link.get_attribute("href") or "")
    assert taken.title() != "taken", "a page that a model made can't run script in our origin"


def test_texts_are_read_in_place_and_what_came_out_is_taken_along(page: Page) -> None:
    page.goto("/mainspring/maker")
    field(page, "what").select_option("files")
    run(page)
    expect_status(page, "succeeded")
    expect(page.get_by_role("region", name="notes.md").locator("strong")).to_have_text("one")
    expect(page.get_by_role("region", name="data.json").locator(".tree")).to_contain_text("parts: [ 1 item ]")
    expect(page.get_by_role("region", name="long.txt")).to_contain_text("The first 65.5 kB of 209 kB")
    expect(page.locator(".file-line", has_text="solid.glb")).to_contain_text("3D model1.0 kB")
    assert serious(page) == []
    page.goto("/mainspring/hello-world")
    field(page, "text").fill("taker")
    run(page)
    expect_status(page, "succeeded")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the output").click()
    assert download.value.suggested_filename == "output.txt"
    assert download.value.path().read_text() == "hello taker"
    page.get_by_role("button", name="Share").click()
    page.get_by_role("dialog").get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("button", name="Stop sharing")).to_be_visible()


def test_lists_are_sorted_by_dragging_and_by_a_button(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    field(page, "prompt").fill("hello")
    rows = page.locator("[data-name=tags] .item")
    rows.nth(1).locator(".grip").drag_to(rows.nth(0), target_position={"x": 20, "y": 2})
    expect(field(page, "tags 1")).to_have_value("two")
    assert json.loads(code(page, "JSON"))["input"]["tags"] == ["two", "one"]
    page.get_by_role("tab", name="Form").click()
    rows.nth(1).get_by_role("button", name="Move up").click()
    expect(field(page, "tags 1")).to_have_value("one")


def test_an_image_that_went_in_is_compared_with_the_one_that_came_out(page: Page) -> None:
    page.goto("/mainspring/maker")
    field(page, "image").set_input_files(DRAWING)
    run(page)
    slider = page.get_by_role("slider", name="Before and after")
    slider.fill("20")
    expect(page.locator(".compare-box .before")).to_have_css("clip-path", "inset(0px 80% 0px 0px)")


def test_a_version_that_is_not_the_latest_runs_as_one_of_its_model(page: Page) -> None:
    def older(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"latest":true', '"latest":false'))

    page.route("**/mainspring/hello-world", older)
    page.goto("/mainspring/hello-world")
    field(page, "text").fill("x")
    named = re.compile(r"mainspring/hello-world:[0-9a-f]{64}")
    assert named.search(code(page, "curl"))
    with page.expect_request("**/v1/predictions") as sent:
        run(page)
    assert named.fullmatch(sent.value.post_data_json["version"])


def test_a_failure_says_why(page: Page) -> None:
    page.goto("/mainspring/broken")
    run(page)
    expect_status(page, "failed")
    expect(page.get_by_role("alert")).to_have_text("you asked for it")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("about to raise")


def test_the_code_follows_the_form(page: Page) -> None:
    page.goto("/mainspring/hello-world")
    field(page, "text").fill("it's me")
    assert json.loads(code(page, "JSON")) == {"input": {"text": "it's me"}}
    assert '"text": "it\'s me"' in code(page, "Python")
    assert "/v1/models/mainspring/hello-world/predictions" in code(page, "curl")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("The call as code")).to_contain_text("mainspring run mainspring/hello-world")
    page.get_by_role("tab", name="Form").click()
    page.get_by_role("button", name="Reset").click()
    expect(field(page, "text")).to_have_value("")


def test_what_is_left_out_is_not_sent(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    field(page, "prompt").fill("hello")
    field(page, "note").fill("kept")
    assert json.loads(code(page, "JSON"))["input"]["note"] == "kept"
    page.get_by_role("tab", name="Form").click()
    page.locator("[data-name=note]").get_by_label("Include").uncheck()
    given = json.loads(code(page, "JSON"))["input"]
    assert not {"note", "seed", "image", "old_way"} & given.keys()
    assert given["steps"] == 30


def test_deprecated_inputs_are_folded(page: Page) -> None:
    page.goto("/mainspring/every-widget")
    expect(field(page, "old_way")).to_be_hidden()
    page.get_by_text("Deprecated inputs (1)").click()
    expect(field(page, "old_way")).to_be_visible()
