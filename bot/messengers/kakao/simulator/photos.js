/* Uploads of photos: large ones are made smaller first, as KakaoTalk does before it sends. */

const MAX_BYTES = 1_000_000;
const MAX_SIDE = 1440;
const REFUSED = "사진을 보낼 수 없습니다. 1MB까지 보낼 수 있습니다.";

/** Resolves to `{ photo }`, the name of the uploaded one, or `{ problem }`, a sentence. */
export async function uploaded(file) {
  try {
    const body = file.size > MAX_BYTES ? await smaller(file) : file;
    const response = await fetch("/simulator/kakao/photos", { method: "POST", body });
    return response.ok ? await response.json() : { problem: (await response.text()) || REFUSED };
  } catch {
    return { problem: REFUSED };
  }
}

async function smaller(file) {
  const image = await createImageBitmap(file);
  const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
}
